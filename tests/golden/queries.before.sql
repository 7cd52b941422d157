-- Statements behind rows: what the log holds of them, and for how long it counts.
-- oracle: include.query=true
-- remora: records.queries = true
DROP DATABASE IF EXISTS golden_queries;
CREATE DATABASE golden_queries CHARACTER SET utf8mb4;
USE golden_queries;
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(300));
