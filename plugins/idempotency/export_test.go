package idempotency

// ParseKey is parseKey for the fuzz test.
var ParseKey = parseKey

// MatchRow tells whether an If-Match names the row.
func MatchRow(header, row string) bool {
	return anyTag([]string{header}, func(tag string) bool { return sameRow(tag, row) })
}
