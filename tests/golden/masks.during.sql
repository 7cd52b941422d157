USE golden_masks;
INSERT INTO people VALUES (1, 'Ada', NULL, '1815-12-10', 'a', 'x', 'g', 'a long story', 'abc', 'a🐟b🐟c', 'a@b.c', 'nickname', 'é中🐟', 'o''dd');
UPDATE people SET name = 'Other', mail = NULL, old = '', story = NULL;
DELETE FROM people;
INSERT INTO keyed VALUES ('secret', 1);
UPDATE keyed SET v = 2;
UPDATE keyed SET id = 'other';
DELETE FROM keyed;
