// Package pb_migrations is the history of the database's collections. A binary
// that imports it applies what is missing when it starts to serve.
//
// "holdall collections migrate NAME" writes the next migration from the
// definitions in the package collections. The files are named after the time
// they were written, and are never changed once a database has had them.
package pb_migrations
