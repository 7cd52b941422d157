USE golden_text;

INSERT INTO texts VALUES
  (1, 'abc  ', '한국어 데이터', 'plain', 'tiny', 'text "quoted" \\ back\nline\ttab\rreturn\bbell\0nul', 'medium', 'long'),
  (2, '', '', '', '', '', '', ''),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, '  lead', 'slash / and <tag> & more', 'emoji 🐟 and 𝄞', 'é', CONCAT('controls ', CHAR(1), CHAR(31), CHAR(127)), 'line separator', '“quotes”');
UPDATE texts SET wide = REPEAT('w', 255), plain = REPEAT('é', 30000) WHERE id = 2;
UPDATE texts SET wide = 'short again' WHERE id = 2;
DELETE FROM texts WHERE id = 3;

INSERT INTO charsets VALUES
  (1, 'café €', 'žluťoučký', 'ascii', '日本', '𝄞utf16', '𝄞utf32', '中文', '中文𠮷', '日本語', '日本語', '한국', 'Привет', '日本'),
  (2, '', '', '', '', '', '', '', '', '', '', '', '', ''),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
UPDATE charsets SET l1 = 'ÿ', chinese = '中' WHERE id = 2;

INSERT INTO choices VALUES (1, 'small', 'a,e', 'é'), (2, 'x''l', '', 'ü'), (3, NULL, 'c d,b', NULL), (4, '', 'a,b,c d,e', 'é');
INSERT INTO choices (id) VALUES (5);
UPDATE choices SET size = 'l,arge', tags = 'e' WHERE id = 3;
SET SESSION sql_mode = '';
INSERT INTO choices (id, size) VALUES (6, 'no such size');
