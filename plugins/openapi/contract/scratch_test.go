package contract_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/openapi/contract"
)

// TestMain is a program on PocketBase when it is called like one, which is how a
// check starts this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "serve" || os.Args[1] == "superuser") {
		if os.Getenv(unwanted) != "" {
			fmt.Fprintln(os.Stderr, unwanted, "has reached the program")
			os.Exit(1)
		}
		app := pocketbase.New()
		if err := app.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// unwanted is a variable with which the program does not start.
const unwanted = "CONTRACT_TEST_UNWANTED"

// stock is what every PocketBase has, as this package's design.
const stock = `
openapi: 3.1.0
info: {title: Stock, version: "1"}
paths:
  /api/health:
    get:
      responses:
        "200": {description: Well., content: {application/json: {schema: {type: object, required: [code], properties: {code: {const: 200}}}}}}
  /api/collections/users/records:
    get:
      security: [{token: []}]
      responses:
        "200": {description: A page., content: {application/json: {schema: {type: object, required: [items], properties: {items: {type: array}}}}}}
        "400": {description: No.}
components:
  securitySchemes: {token: {type: http, scheme: bearer}}
`

// A check starts the program that it is part of, away from all data, and leaves
// nothing of it.
func TestTheProgramItselfIsChecked(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	t.Setenv(unwanted, "here")
	out, code := run(t, contract.Config{}, "", "conform", file(t, "stock.yaml", stock), "--as", "superuser", "--only", "health")
	if code != 0 || !strings.Contains(out, "1 ok, 1 not called") && !strings.Contains(out, "2 operations, 1 ok") {
		t.Errorf("got %d\n%s", code, out)
	}
	left, err := os.ReadDir(scratch)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v left of it", left, err)
	}
}

func TestAProgramThatCannotStart(t *testing.T) {
	t.Parallel()
	if _, err := contract.StartProgram(t.Context(), "/nowhere/holdall", nil, nil); err == nil || !strings.Contains(err.Error(), "/nowhere/holdall") {
		t.Errorf("got %v, want an error that names the program", err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := contract.StartProgram(t.Context(), program, nil, []string{"--no-such-flag"}); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("got %v, want what the program said", err)
	}
}

func TestAProgramHasTheEnvironmentThatItIsGiven(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = contract.StartProgram(t.Context(), program, []string{unwanted + "=given"}, nil)
	if err == nil || !strings.Contains(err.Error(), "has reached the program") {
		t.Errorf("got %v, want what the program says of it", err)
	}
}

// What is started has a superuser, and is gone when it is stopped.
func TestStartProgram(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server, err := contract.StartProgram(t.Context(), program, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/settings", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", server.Superuser)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %d for the settings, want a superuser's answer", response.StatusCode)
	}
	for range 2 {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("it still answers")
	}
}
