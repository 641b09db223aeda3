package traces

// StatementText is a statement as a span has it.
var StatementText = statementText
