// Command bare is net/http and nothing else: GET /512 is answered with 512 constant
// bytes, of a JSON text as long as can be told from the outside. No server on net/http
// is faster, so it is the ceiling of the benchmark of the fast lane.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// most is the largest body that is asked for.
const most = 1 << 20

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

// run takes the arguments that PocketBase's command has.
func run(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	address := flags.String("http", "", "host and port")
	flags.Bool("dev", false, "means nothing")
	flags.String("dir", "", "means nothing")
	if len(args) == 0 || args[0] != "serve" {
		return fmt.Errorf("want serve --http HOST:PORT")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	body := bytes.Repeat([]byte("x"), most)
	server := &http.Server{Addr: *address, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// whoever waits for the server asks for its health, which is no number
		size, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body[:max(0, min(size, most))])
	})}
	return server.ListenAndServe()
}
