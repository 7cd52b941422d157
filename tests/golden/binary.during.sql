USE golden_binary;

INSERT INTO bytes VALUES
  (1, x'0102', x'00ff', x'c3a9', x'61', x'deadbeef', x'00', x'ff'),
  (2, x'', x'', x'', x'', x'', x'', x''),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, x'0102030405060708', x'fb', REPEAT(x'ab', 300), REPEAT(x'01', 255), REPEAT(x'fe', 1000), x'fbff', x'3e3f');
UPDATE bytes SET fixed = x'0100', plain = NULL WHERE id = 4;
DELETE FROM bytes WHERE id = 3;

INSERT INTO shapes VALUES
  (1, ST_GeomFromText('LINESTRING(0 0,1 1)'), POINT(1.5, -2.5), ST_GeomFromText('LINESTRING(0 0,1 1,2 0)'),
   ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))', 4326), ST_GeomFromText('MULTIPOINT(0 0,1 1)'),
   ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')),
  (2, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, POINT(0, 0), POINT(1e300, 1e-300), NULL, NULL, NULL, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'));
UPDATE shapes SET p = POINT(3, 4) WHERE id = 2;

INSERT INTO keyed_by_bytes VALUES (x'', 1), (x'00', 2), (x'ff00', 3);
UPDATE keyed_by_bytes SET v = 4 WHERE k = x'ff00';
