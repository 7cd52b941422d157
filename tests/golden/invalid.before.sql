-- Bytes that MySQL stores in a text column although its character set has no character for them.
-- remora: types.invalid_text = "replace"
DROP DATABASE IF EXISTS golden_invalid;
CREATE DATABASE golden_invalid;
USE golden_invalid;

CREATE TABLE texts (
  id INT PRIMARY KEY,
  baltic VARCHAR(20) CHARACTER SET latin7, greek VARCHAR(20) CHARACTER SET greek,
  sjis VARCHAR(20) CHARACTER SET sjis, gbk VARCHAR(20) CHARACTER SET gbk, big5 VARCHAR(20) CHARACTER SET big5,
  ujis VARCHAR(20) CHARACTER SET ujis, euckr VARCHAR(20) CHARACTER SET euckr, ucs2 VARCHAR(20) CHARACTER SET ucs2
);
