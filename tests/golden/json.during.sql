USE golden_json;

INSERT INTO documents (j) VALUES
  ('{"list":[1,-2,3.5,true,false,null,"s",{"n":{}}],"big":18446744073709551615,"tiny":1e-10,"huge":1e100}'),
  ('[]'), ('{}'), ('"text"'), ('null'), (NULL), ('42'), ('-9223372036854775808'), ('true'), ('0.1'), ('1.0'), ('100000000000000000000000'),
  ('{"é":"한 \\u00e9 \\"quoted\\" \\\\ \\n \\u0001 🐟","":"empty name","a.b":"dot","z":1,"aa":2}'),
  (JSON_OBJECT('date', DATE'2024-02-29', 'time', CAST('12:34:56.7' AS TIME(1)), 'negative', TIME'-01:02:03',
     'datetime', CAST('2024-02-29 12:34:56' AS DATETIME), 'micros', CAST('2024-02-29 12:34:56.000001' AS DATETIME(6)),
     'decimal', CAST(1.10 AS DECIMAL(10,2)), 'blob', CAST('x' AS BINARY), 'bit', b'101', 'year', CAST(2024 AS YEAR))),
  (JSON_ARRAY(32767, 32768, -32768, -32769, 2147483647, 2147483648, 4294967295, 4294967296, 1.5e0, 16777217e0)),
  (JSON_OBJECT('long', REPEAT('x', 70000))),
  (JSON_ARRAY(JSON_ARRAY(JSON_ARRAY(1, 'two'), JSON_OBJECT('k', JSON_ARRAY())), 3));
UPDATE documents SET j = JSON_SET(j, '$.list[0]', 2) WHERE id = 1;
UPDATE documents SET j = JSON_REMOVE(j, '$.list[7]', '$.big') WHERE id = 1;
UPDATE documents SET required = '{"only":"this"}' WHERE id = 2;
UPDATE documents SET j = NULL WHERE id = 3;
DELETE FROM documents WHERE id = 4;
