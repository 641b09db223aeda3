// Command stock is a bare PocketBase with the reference app's collections and
// rules: what the benchmark compares the app with. It has no hooks and no plugins.
package main

import (
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"

	_ "github.com/holdall-go/holdall/pb_migrations"
)

func main() {
	if err := pocketbase.New().Start(); err != nil {
		fmt.Fprintln(os.Stderr, "stock:", err)
		os.Exit(1)
	}
}
