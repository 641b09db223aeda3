// Command gen writes the record types of Conduit's collections, in the folder it
// runs in.
package main

import (
	"log"

	"github.com/holdall-go/holdall/examples/conduit/collections"
	"github.com/holdall-go/holdall/plugins/schema"
)

func main() {
	log.SetFlags(0)
	if err := schema.GenerateRecords(".", "collections", collections.All()); err != nil {
		log.Fatalf("generate the record types: %v", err)
	}
}
