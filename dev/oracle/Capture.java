import io.debezium.embedded.EmbeddedEngineChangeEvent;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.Header;
import io.debezium.engine.format.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Reader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * Runs the Debezium MySQL connector inside this process and writes each record that it would publish as one JSON object
 * a line, in the order of delivery: topic, key, value, headers, and the partition and the timestamp of those that have
 * their own.
 *
 * <p>Arguments: PROPERTIES OUT FENCE_TOPIC SECONDS. Prints "streaming" on standard output once the connector reads the
 * binlog, ends at the first create event of FENCE_TOPIC, whose records are left out, and fails where that takes longer
 * than SECONDS. OUT "-" only counts. The last line on standard output says how many records there were after
 * "streaming", their bytes, and the seconds from the first of them to the last.
 */
public final class Capture {
    private final PrintWriter out;
    private final String fence;
    private final CountDownLatch fenced = new CountDownLatch(1);
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile boolean failed;
    private boolean counting;
    private long records;
    private long bytes;
    private long firstNanos;
    private long lastNanos;

    private Capture(PrintWriter out, String fence) {
        this.out = out;
        // However the topic is named.
        this.fence = "\"db\":\"" + fence + '"';
    }

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (Reader in = Files.newBufferedReader(Path.of(arguments[0]))) {
            properties.load(in);
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.parseLong(arguments[3]));
        boolean complete;
        try (PrintWriter out = writer(arguments[1])) {
            complete = new Capture(out, arguments[2]).run(properties, deadline);
        }
        // The engine leaves threads of its own behind.
        System.exit(complete ? 0 : 1);
    }

    private static PrintWriter writer(String path) throws IOException {
        return path.equals("-")
                ? new PrintWriter(PrintWriter.nullWriter())
                : new PrintWriter(Files.newBufferedWriter(Path.of(path), StandardCharsets.UTF_8));
    }

    private boolean run(Properties properties, long deadline) throws Exception {
        DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class, Json.class, Json.class)
                .using(properties)
                .using(this::ended)
                .notifying(this::take)
                .build();
        Executors.newSingleThreadExecutor().execute(engine);

        String server = properties.getProperty("topic.prefix");
        while (!failed && !streams(server) && System.nanoTime() < deadline) {
            Thread.sleep(20);
        }
        synchronized (this) {
            counting = true;
        }
        System.out.println("streaming");
        System.out.flush();

        boolean reached = fenced.await(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
        if (!reached) {
            System.err.println("the fence did not arrive in time");
        }
        try {
            engine.close();
            closed.await(10, TimeUnit.SECONDS);
        } catch (IllegalStateException alreadyClosed) {
            // A connector that failed has closed its engine itself.
            System.err.println("the engine had closed before");
        }
        synchronized (this) {
            System.out.printf("%d records, %d bytes, %.3f s%n", records, bytes, (lastNanos - firstNanos) / 1e9);
        }
        return reached && !failed;
    }

    private void ended(boolean success, String message, Throwable cause) {
        if (!success) {
            failed = true;
            System.err.println("debezium ended: " + message);
            if (cause != null) {
                cause.printStackTrace();
            }
            fenced.countDown();
        }
        closed.countDown();
    }

    private synchronized void take(List<ChangeEvent<String, String>> events,
                                   DebeziumEngine.RecordCommitter<ChangeEvent<String, String>> committer)
            throws InterruptedException {
        for (ChangeEvent<String, String> event : events) {
            committer.markProcessed(event);
            if (fenced.getCount() == 0) {
                // Whether more than the fence came with it is chance.
                continue;
            }
            if (event.value() != null && event.value().contains(fence)) {
                if (event.value() != null && event.value().contains("\"op\":\"c\"")) {
                    fenced.countDown();
                }
                continue;
            }
            out.println(line(event));
            if (counting) {
                lastNanos = System.nanoTime();
                firstNanos = records == 0 ? lastNanos : firstNanos;
                records++;
                bytes += length(event.key()) + length(event.value());
            }
        }
        committer.markBatchFinished();
    }

    /** Keys, values and header values are JSON already; of the rest, only names need quotes. */
    private static String line(ChangeEvent<String, String> event) {
        TreeMap<String, Object> headers = new TreeMap<>();
        for (Header<?> header : event.headers()) {
            headers.put(header.getKey(), header.getValue());
        }
        StringBuilder text = new StringBuilder("{\"topic\":").append(quoted(event.destination()))
                .append(",\"key\":").append(event.key())
                .append(",\"value\":").append(event.value())
                .append(",\"headers\":{");
        String separator = "";
        for (var header : headers.entrySet()) {
            text.append(separator).append(quoted(header.getKey())).append(':').append(header.getValue());
            separator = ",";
        }
        text.append('}');
        if (event.partition() != null) {
            text.append(",\"partition\":").append(event.partition());
        }
        Long timestamp = ((EmbeddedEngineChangeEvent<?, ?, ?>) event).sourceRecord().timestamp();
        if (timestamp != null) {
            text.append(",\"timestamp\":").append(timestamp);
        }
        return text.append('}').toString();
    }

    private static String quoted(String name) {
        return '"' + name.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private static int length(String text) {
        return text == null ? 0 : text.length();
    }

    private static boolean streams(String server) throws JMException {
        MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
        ObjectName metrics = new ObjectName(
                "debezium.mysql:type=connector-metrics,context=streaming,server=" + server);
        return beans.isRegistered(metrics) && Boolean.TRUE.equals(beans.getAttribute(metrics, "Connected"));
    }
}
