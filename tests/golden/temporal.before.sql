-- Dates and times at the ends of their ranges, every precision, negative times, zero dates, a session time zone.
DROP DATABASE IF EXISTS golden_temporal;
CREATE DATABASE golden_temporal CHARACTER SET utf8mb4;
USE golden_temporal;

CREATE TABLE moments (
  id INT PRIMARY KEY,
  day DATE, y YEAR,
  dt DATETIME, dt1 DATETIME(1), dt2 DATETIME(2), dt3 DATETIME(3), dt4 DATETIME(4), dt6 DATETIME(6),
  t TIME, t1 TIME(1), t3 TIME(3), t5 TIME(5), t6 TIME(6),
  ts TIMESTAMP NULL, ts1 TIMESTAMP(1) NULL, ts3 TIMESTAMP(3) NULL, ts6 TIMESTAMP(6) NULL
);
CREATE TABLE required_moments (
  id INT PRIMARY KEY,
  day DATE NOT NULL, dt DATETIME NOT NULL, ts TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00', t TIME NOT NULL, y YEAR NOT NULL
);
