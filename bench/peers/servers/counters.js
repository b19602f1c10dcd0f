// counters returns the function that adds one to a named counter and returns its value: in a file of SQLite, or
// in memory when there is none.
export async function counters(file) {
  if (!file) {
    const values = new Map();
    return (name) => {
      const n = (values.get(name) ?? 0) + 1;
      values.set(name, n);
      return n;
    };
  }
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL)');
  const add = db.prepare('INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET n = n + 1 RETURNING n').pluck();
  return (name) => add.get(name);
}
