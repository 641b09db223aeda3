// Command gen writes the record types of the zoo, in the folder it runs in.
package main

import (
	"log"

	"github.com/holdall-go/holdall/plugins/schema"
	"github.com/holdall-go/holdall/plugins/schema/testdata/zoo"
)

func main() {
	if err := schema.GenerateRecords(".", "zoo", zoo.All()); err != nil {
		log.Fatal(err)
	}
}
