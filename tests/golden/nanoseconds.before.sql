-- Moments in nanoseconds, up to the limits of 64 bits.
-- oracle: time.precision.mode=nanoseconds
-- remora: types.time_precision = "nanoseconds"
DROP DATABASE IF EXISTS golden_nanoseconds;
CREATE DATABASE golden_nanoseconds;
USE golden_nanoseconds;

CREATE TABLE moments (
  id INT PRIMARY KEY,
  day DATE, y YEAR, dt DATETIME, dt1 DATETIME(1), dt3 DATETIME(3), dt6 DATETIME(6),
  t TIME, t3 TIME(3), t6 TIME(6), ts TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL
);
CREATE TABLE required_moments (
  id INT PRIMARY KEY,
  day DATE NOT NULL, dt DATETIME NOT NULL, t TIME NOT NULL, ts TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00'
);
