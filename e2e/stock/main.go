// Command stock is PocketBase with nothing added: what the conformance tests
// hold this project's own program against.
package main

import (
	"log/slog"
	"os"

	"github.com/pocketbase/pocketbase"
)

func main() {
	if err := pocketbase.New().Start(); err != nil {
		slog.Error("serve", slog.Any("error", err))
		os.Exit(1)
	}
}
