-- Integers at the ends of their ranges, decimals, floats, bits; every width signed and unsigned.
DROP DATABASE IF EXISTS golden_numbers;
CREATE DATABASE golden_numbers CHARACTER SET utf8mb4;
USE golden_numbers;

CREATE TABLE integers (
  id BIGINT UNSIGNED PRIMARY KEY,
  tiny TINYINT, tiny_u TINYINT UNSIGNED, flag TINYINT(1), yes BOOLEAN NOT NULL DEFAULT TRUE,
  small SMALLINT, small_u SMALLINT UNSIGNED,
  medium MEDIUMINT, medium_u MEDIUMINT UNSIGNED,
  plain INT DEFAULT 7, plain_u INT UNSIGNED,
  big BIGINT, big_u BIGINT UNSIGNED,
  padded INT(6) ZEROFILL
);
CREATE TABLE decimals (
  id INT PRIMARY KEY,
  money DECIMAL(10,2), widest DECIMAL(65,30), whole DECIMAL(5,0), fraction NUMERIC(3,3), unsigned_one DECIMAL(9,4) UNSIGNED,
  required DECIMAL(18,9) NOT NULL DEFAULT 1.5
);
CREATE TABLE floats (
  id INT PRIMARY KEY,
  f FLOAT, d DOUBLE, f_scaled FLOAT(7,3), d_scaled DOUBLE(20,10), r REAL
);
CREATE TABLE bits (
  id INT PRIMARY KEY,
  b1 BIT(1), b7 BIT(7), b8 BIT(8), b9 BIT(9), b63 BIT(63), b64 BIT(64)
);
