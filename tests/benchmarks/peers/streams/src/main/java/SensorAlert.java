import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/**
 * The sensor job in Kafka Streams: one process, a stream thread for each partition.
 *
 * <p>As its documentation has it: `num.stream.threads` as many as there are partitions; its own batching (`linger.ms` 100)
 * and `commit.interval.ms` (30 s, or 100 ms with exactly_once_v2) are left as they are.
 */
public final class SensorAlert {
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record SensorData(String device_id, double temperature) {}

    public record Alert(String device_id, double temperature, String alert) {}

    public static void main(String[] arguments) {
        Map<String, String> env = System.getenv();
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(env.get("BENCH_INPUT"), Consumed.with(Serdes.ByteArray(), json(SensorData.class)))
                .filter((key, reading) -> reading.temperature() > 50)
                .mapValues(reading -> new Alert(reading.device_id(), reading.temperature(), "high"))
                .to(env.get("BENCH_OUTPUT"), Produced.with(Serdes.ByteArray(), json(Alert.class)));

        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, env.get("BENCH_GROUP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env.get("BENCH_BOOTSTRAP"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, env.get("BENCH_GUARANTEE"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, env.get("BENCH_DIRECTORY"));
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");

        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setUncaughtExceptionHandler(
                problem -> {
                    problem.printStackTrace();
                    return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static <T> Serde<T> json(Class<T> type) {
        ObjectMapper mapper = new ObjectMapper();
        ObjectReader reader = mapper.readerFor(type);
        ObjectWriter writer = mapper.writerFor(type);
        return Serdes.serdeFrom(
                (topic, value) -> {
                    try {
                        return writer.writeValueAsBytes(value);
                    } catch (JsonProcessingException problem) {
                        throw new UncheckedIOException(problem);
                    }
                },
                (topic, bytes) -> {
                    try {
                        return reader.readValue(bytes);
                    } catch (IOException problem) {
                        throw new UncheckedIOException(problem);
                    }
                });
    }
}
