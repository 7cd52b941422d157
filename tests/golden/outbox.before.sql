-- An outbox table and its events: by aggregate, by a column of another name, with columns in headers, in the value and
-- as the partition; payloads as JSON, as text and none.
DROP DATABASE IF EXISTS golden_outbox;
CREATE DATABASE golden_outbox CHARACTER SET utf8mb4;
USE golden_outbox;

CREATE TABLE outbox (
    id CHAR(36) PRIMARY KEY,
    aggregatetype VARCHAR(255) NOT NULL,
    aggregateid VARCHAR(255) NOT NULL,
    type VARCHAR(255) NOT NULL,
    payload JSON,
    shard INT,
    attempt SMALLINT NOT NULL DEFAULT 1,
    price DECIMAL(10, 2),
    happened_at DATETIME(6),
    version INT NOT NULL DEFAULT 3
);
CREATE TABLE jobs (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    aggregatetype VARCHAR(255) NOT NULL,
    aggregateid BIGINT,
    type VARCHAR(64) NOT NULL,
    payload TEXT,
    shard INT,
    attempt SMALLINT NOT NULL DEFAULT 1,
    price DOUBLE,
    happened_at DATETIME(3),
    version INT NOT NULL DEFAULT 1
);
CREATE TABLE beside (id INT PRIMARY KEY, v VARCHAR(60));
