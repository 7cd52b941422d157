-- Columns of bytes: padding, every length class, geometry with and without a reference system.
DROP DATABASE IF EXISTS golden_binary;
CREATE DATABASE golden_binary CHARACTER SET utf8mb4;
USE golden_binary;

CREATE TABLE bytes (
  id INT PRIMARY KEY,
  fixed BINARY(8), short VARBINARY(60), wide VARBINARY(300), tiny TINYBLOB, plain BLOB, medium MEDIUMBLOB, huge LONGBLOB
);
CREATE TABLE shapes (
  id INT PRIMARY KEY,
  any_shape GEOMETRY, p POINT, line LINESTRING, area POLYGON SRID 4326, points MULTIPOINT, mixed GEOMETRYCOLLECTION
);
CREATE TABLE keyed_by_bytes (k VARBINARY(16) PRIMARY KEY, v INT);
