package clienttypes

import _ "embed"

//go:embed assets/runtime.dart
var dartRuntime string

func writeDart(m *model, command string) string { return "" }
