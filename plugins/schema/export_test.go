package schema

// DiffLines is diffLines for the tests.
var DiffLines = diffLines
