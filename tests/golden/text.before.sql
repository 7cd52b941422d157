-- Character columns: blanks at the end, escapes, charsets of one to four bytes, enumerations and sets.
DROP DATABASE IF EXISTS golden_text;
CREATE DATABASE golden_text CHARACTER SET utf8mb4;
USE golden_text;

CREATE TABLE texts (
  id INT PRIMARY KEY,
  fixed CHAR(10), short VARCHAR(60), wide VARCHAR(255),
  tiny TINYTEXT, plain TEXT, medium MEDIUMTEXT, huge LONGTEXT
);
CREATE TABLE charsets (
  id INT PRIMARY KEY,
  l1 VARCHAR(50) CHARACTER SET latin1, l2 VARCHAR(50) CHARACTER SET latin2, ascii_one VARCHAR(50) CHARACTER SET ascii,
  u3 VARCHAR(50) CHARACTER SET utf8mb3, u16 VARCHAR(50) CHARACTER SET utf16, u32 VARCHAR(50) CHARACTER SET utf32,
  chinese VARCHAR(50) CHARACTER SET gbk, chinese_wide VARCHAR(50) CHARACTER SET gb18030,
  japanese VARCHAR(50) CHARACTER SET sjis, japanese_euc VARCHAR(50) CHARACTER SET ujis,
  korean VARCHAR(50) CHARACTER SET euckr, cyrillic VARCHAR(50) CHARACTER SET cp1251, fixed_u3 CHAR(5) CHARACTER SET utf8mb3
);
CREATE TABLE choices (
  id INT PRIMARY KEY,
  size ENUM('small','medium','l,arge','x''l','') DEFAULT 'medium',
  tags SET('a','b','c d','e') NOT NULL DEFAULT 'a,e',
  accent ENUM('é','ü') CHARACTER SET latin1
);
