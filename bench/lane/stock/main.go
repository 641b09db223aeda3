// Command stock is PocketBase and nothing else: what the benchmark of the fast lane
// compares it with.
package main

import (
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"
)

func main() {
	if err := pocketbase.New().Start(); err != nil {
		fmt.Fprintln(os.Stderr, "stock:", err)
		os.Exit(1)
	}
}
