import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.confluent.connect.avro.AvroData;
import io.confluent.connect.avro.AvroDataConfig;
import io.confluent.kafka.serializers.NonRecordContainer;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * What Confluent's Avro converter makes of JSON with schemas. Each line of the input is {"schema":…,"payload":…}; each
 * line of the output is the same with "avro", the text of the schema that it would register, and "bytes", the record in
 * base64. A record that Connect cannot hold is left out.
 */
public final class Avro {
    public static void main(String[] arguments) throws Exception {
        JsonConverter json = new JsonConverter();
        json.configure(Map.of("schemas.enable", "true", "converter.type", "value"));
        AvroData avro = new AvroData(new AvroDataConfig(Map.of()));
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            SchemaAndValue record;
            try {
                record = json.toConnectData("topic", line.getBytes(StandardCharsets.UTF_8));
            } catch (DataException error) {
                // What Connect has no value for, such as a TIME beyond 32 bits of milliseconds.
                System.err.println(error.getMessage());
                continue;
            }
            Schema schema = avro.fromConnectSchema(record.schema());
            Object value = avro.fromConnectData(record.schema(), record.value());
            if (value instanceof NonRecordContainer) {
                value = ((NonRecordContainer) value).getValue();
            }
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
            new GenericDatumWriter<Object>(schema).write(value, encoder);
            encoder.flush();
            JsonNode made = mapper.createObjectNode()
                    .put("avro", schema.toString())
                    .put("bytes", Base64.getEncoder().encodeToString(bytes.toByteArray()));
            // The input's own text stays as it is.
            output.print(line.substring(0, line.length() - 1));
            output.print(",");
            output.println(mapper.writeValueAsString((ObjectNode) made).substring(1));
        }
        output.flush();
    }
}
