import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Prints the records of a cluster's topics, from the beginning: one line each, topic, key and value parted by tabs; a key
 * or value that is absent is printed as null.
 *
 * <p>Arguments: BROKERS PREFIX COUNT SECONDS. Topics are those whose name starts with PREFIX. Ends once COUNT records were
 * printed, or with exit code 1 after SECONDS. Run from its source: java -cp 'JARS/*' Records.java ...
 */
public final class Records {
    public static void main(String[] arguments) throws InterruptedException {
        String prefix = arguments[1];
        int count = Integer.parseInt(arguments[2]);
        long deadline = System.nanoTime() + Duration.ofSeconds(Long.parseLong(arguments[3])).toNanos();
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", arguments[0],
                "isolation.level", "read_committed",
                "key.deserializer", ByteArrayDeserializer.class,
                "value.deserializer", ByteArrayDeserializer.class);
        int printed = 0;
        StringBuilder lines = new StringBuilder();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            TreeSet<String> known = new TreeSet<>();
            while (printed < count && System.nanoTime() < deadline) {
                follow(consumer, prefix, known);
                if (known.isEmpty()) {
                    Thread.sleep(100);
                    continue;
                }
                for (ConsumerRecord<byte[], byte[]> found : consumer.poll(Duration.ofMillis(100))) {
                    lines.append(found.topic()).append('\t').append(text(found.key())).append('\t')
                            .append(text(found.value())).append('\n');
                    printed++;
                }
            }
        }
        System.out.writeBytes(lines.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
        if (printed < count) {
            System.err.println("only " + printed + " of " + count + " records arrived");
            System.exit(1);
        }
    }

    /** Adds topics that have appeared since, each from its beginning; those at hand keep their place. */
    private static void follow(KafkaConsumer<byte[], byte[]> consumer, String prefix, TreeSet<String> known) {
        var assigned = new ArrayList<>(consumer.assignment());
        var fresh = new ArrayList<TopicPartition>();
        for (var topic : consumer.listTopics().entrySet()) {
            if (topic.getKey().startsWith(prefix) && known.add(topic.getKey())) {
                topic.getValue().forEach(info -> fresh.add(new TopicPartition(info.topic(), info.partition())));
            }
        }
        if (!fresh.isEmpty()) {
            assigned.addAll(fresh);
            consumer.assign(assigned);
            consumer.seekToBeginning(List.copyOf(fresh));
        }
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8);
    }
}
