package env_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/env"
)

func TestPrecedence(t *testing.T) {
	t.Parallel()
	flags := func(name string) (string, bool) {
		if name == "http" {
			return ":9000", true
		}
		return "", false
	}
	cases := []struct {
		name    string
		environ []string
		flag    string
		want    string
		source  string
	}{
		{"the default when nothing is given", nil, "other", ":8090", env.FromDefault},
		{"a variable over the default", []string{"APP_ADDR=:8000"}, "other", ":8000", env.FromEnv},
		{"an empty variable is not set", []string{"APP_ADDR="}, "other", ":8090", env.FromDefault},
		{"a flag over a variable", []string{"APP_ADDR=:8000"}, "http", ":9000", env.FromFlag},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := env.New("APP_", c.environ, flags)
			got := env.Get(r, env.Text, "ADDR", ":8090", "Where to listen.", env.Flag(c.flag))
			if got != c.want {
				t.Errorf("value: got %q, want %q", got, c.want)
			}
			if got := r.Options()[0]; got.Source != c.source || got.Value != c.want || got.Default != ":8090" {
				t.Errorf("option: got %+v, want source %s and value %s", got, c.source, c.want)
			}
			if err := r.Err(); err != nil {
				t.Errorf("error: got %v, want none", err)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	cases := []struct {
		given string
		read  func(*env.Reader) any
		want  any
		shown string
	}{
		{"yes", func(r *env.Reader) any { return env.Get(r, env.Bool, "X", false, "") }, true, "true"},
		{"OFF", func(r *env.Reader) any { return env.Get(r, env.Bool, "X", true, "") }, false, "false"},
		{"-3", func(r *env.Reader) any { return env.Get(r, env.Int, "X", 0, "") }, -3, "-3"},
		{"90s", func(r *env.Reader) any { return env.Get(r, env.Duration, "X", 0, "") }, 90 * time.Second, "1m30s"},
		{"120m", func(r *env.Reader) any { return env.Get(r, env.Duration, "X", 0, "") }, 2 * time.Hour, "2h"},
		{"10s", func(r *env.Reader) any { return env.Get(r, env.Duration, "X", 0, "") }, 10 * time.Second, "10s"},
		{"256 MiB", func(r *env.Reader) any { return env.Get(r, env.Size, "X", 0, "") }, int64(256 << 20), "256MiB"},
		{"1gb", func(r *env.Reader) any { return env.Get(r, env.Size, "X", 0, "") }, int64(1e9), "1GB"},
		{"1000", func(r *env.Reader) any { return env.Get(r, env.Size, "X", 0, "") }, int64(1000), "1KB"},
		{"7", func(r *env.Reader) any { return env.Get(r, env.Size, "X", 0, "") }, int64(7), "7"},
		{" a, b ,,c", func(r *env.Reader) any { return env.Get(r, env.List, "X", nil, "") }, []string{"a", "b", "c"}, "a,b,c"},
		{"JSON", func(r *env.Reader) any { return env.Get(r, env.OneOf("json", "text"), "X", "text", "") }, "json", "json"},
	}
	for _, c := range cases {
		t.Run(c.given, func(t *testing.T) {
			t.Parallel()
			r := env.New("APP_", []string{"APP_X=" + c.given}, nil)
			if got := c.read(r); !reflect.DeepEqual(got, c.want) {
				t.Errorf("value: got %v, want %v", got, c.want)
			}
			if err := r.Err(); err != nil {
				t.Errorf("error: got %v, want none", err)
			}
			if got := r.Options()[0].Value; got != c.shown {
				t.Errorf("shown: got %q, want %q", got, c.shown)
			}
		})
	}
}

func TestFindTellsUnsetFromEmpty(t *testing.T) {
	t.Parallel()
	r := env.New("APP_", []string{"APP_ON=false"}, nil)
	if got := env.Find(r, env.Bool, "OFF", ""); got != nil {
		t.Errorf("a variable that is not set: got %v, want nil", *got)
	}
	if got := env.Find(r, env.Bool, "ON", ""); got == nil || *got {
		t.Errorf("a variable that is set to false: got %v, want a pointer to false", got)
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	r := env.New("APP_", []string{
		"APP_PORT=eighty", "APP_ON=perhaps", "APP_TIMEOUT=15", "APP_MAX=12XB", "APP_FORMAT=xml", "APP_LIST=,",
		"APP_TIMEOUTT=15s", "APP_FROBNICATE=1", "OTHER_X=1",
	}, nil)
	env.Get(r, env.Int, "PORT", 1, "")
	env.Get(r, env.Bool, "ON", true, "")
	timeout := env.Get(r, env.Duration, "TIMEOUT", time.Minute, "")
	env.Get(r, env.Size, "MAX", 1, "")
	env.Get(r, env.OneOf("json", "text"), "FORMAT", "json", "")
	env.Get(r, env.List, "LIST", nil, "")

	want := strings.Join([]string{
		`APP_PORT: "eighty" is not a whole number`,
		`APP_ON: "perhaps" is not true or false`,
		`APP_TIMEOUT: "15" is not a duration such as 15s or 2m`,
		`APP_MAX: "12XB" is not a size such as 512KiB or 10GiB`,
		`APP_FORMAT: "xml" is not one of json, text`,
		`APP_LIST: "," is not a comma-separated list`,
		`APP_FROBNICATE: there is no such option`,
		`APP_TIMEOUTT: there is no such option, did you mean APP_TIMEOUT?`,
	}, "\n")
	if got := fmt.Sprint(r.Err()); got != want {
		t.Errorf("problems: got\n%s\nwant\n%s", got, want)
	}
	if timeout != time.Minute {
		t.Errorf("a bad value: got %v, want the default", timeout)
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	cases := []struct{ typed, want string }{
		{"APP_SUPERUSER_PASWORD", "APP_SUPERUSER_PASSWORD"},
		{"APP_SUPERUSER_PASSWORD_FIEL", "APP_SUPERUSER_PASSWORD_FILE"},
		{"APP_SUPERUSER_MAIL", "APP_SUPERUSER_EMAIL"},
		{"APP_TOTALLY_DIFFERENT", ""},
	}
	for _, c := range cases {
		t.Run(c.typed, func(t *testing.T) {
			t.Parallel()
			r := env.New("APP_", []string{c.typed + "=x"}, nil)
			env.Get(r, env.Text, "SUPERUSER_EMAIL", "", "")
			env.Get(r, env.Text, "SUPERUSER_PASSWORD", "", "", env.Secret())
			got := fmt.Sprint(r.Err())
			if c.want == "" && strings.Contains(got, "did you mean") {
				t.Errorf("suggestion: got %q, want none", got)
			}
			if c.want != "" && !strings.HasSuffix(got, "did you mean "+c.want+"?") {
				t.Errorf("suggestion: got %q, want %s", got, c.want)
			}
		})
	}
}

func TestServiceLinksAreNotMistakes(t *testing.T) {
	t.Parallel()
	r := env.New("APP_", []string{
		"APP_SERVICE_HOST=10.0.0.1", "APP_SERVICE_PORT=8090", "APP_SERVICE_PORT_HTTP=8090", "APP_PORT=tcp://10.0.0.1:8090",
		"APP_PORT_8090_TCP=tcp://10.0.0.1:8090", "APP_PORT_8090_TCP_ADDR=10.0.0.1",
	}, nil)
	if err := r.Err(); err != nil {
		t.Errorf("error: got %v, want none", err)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, empty := filepath.Join(dir, "secret"), filepath.Join(dir, "empty")
	for path, content := range map[string]string{file: "from the file\n", empty: "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name    string
		environ []string
		want    string
		source  string
		problem string
	}{
		{"from the variable", []string{"APP_KEY=plain"}, "plain", env.FromEnv, ""},
		{"from a file, without its newline", []string{"APP_KEY_FILE=" + file}, "from the file", env.FromFile, ""},
		{"from both is unclear", []string{"APP_KEY=plain", "APP_KEY_FILE=" + file}, "", env.FromDefault, "APP_KEY and APP_KEY_FILE are both set"},
		{"a missing file", []string{"APP_KEY_FILE=" + file + "x"}, "", env.FromDefault, "no such file"},
		{"an empty file", []string{"APP_KEY_FILE=" + empty}, "", env.FromDefault, "is empty"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := env.New("APP_", c.environ, nil)
			if got := env.Get(r, env.Text, "KEY", "", "", env.Secret()); got != c.want {
				t.Errorf("value: got %q, want %q", got, c.want)
			}
			option := r.Options()[0]
			if option.Source != c.source {
				t.Errorf("source: got %s, want %s", option.Source, c.source)
			}
			if c.want != "" && option.Value != "[redacted]" {
				t.Errorf("shown: got %q, want it redacted", option.Value)
			}
			got := fmt.Sprint(r.Err())
			if c.problem == "" && r.Err() != nil || !strings.Contains(got, c.problem) {
				t.Errorf("problem: got %v, want %q", r.Err(), c.problem)
			}
		})
	}
}

func TestSecretsStayOutOfMessages(t *testing.T) {
	t.Parallel()
	r := env.New("APP_", []string{"APP_PIN=hunter2"}, nil)
	env.Get(r, env.Int, "PIN", 0, "", env.Secret())
	if got, want := fmt.Sprint(r.Err()), "APP_PIN: the value is not a whole number"; got != want {
		t.Errorf("problem: got %q, want %q", got, want)
	}
}

func TestOnlySecretsComeFromFiles(t *testing.T) {
	t.Parallel()
	r := env.New("APP_", []string{"APP_NAME_FILE=x"}, nil)
	env.Get(r, env.Text, "NAME", "", "")
	if got, want := fmt.Sprint(r.Err()), "APP_NAME_FILE: there is no such option"; got != want {
		t.Errorf("problem: got %q, want %q", got, want)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	r := env.New("APP_", nil, nil)
	r.Group("Mail")
	env.Get(r, env.Text, "HOST", "", "The server.")
	if got := r.Options()[0]; got.Group != "Mail" || got.Doc != "The server." || got.Kind != "text" {
		t.Errorf("option: got %+v, want group Mail with its doc and kind", got)
	}
}

func FuzzSize(f *testing.F) {
	for _, seed := range []string{"1", "256MiB", "9223372036854775807", "8EiB", "-1", "1 kb", "KiB", "9223372036854775807TiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := env.New("APP_", []string{"APP_X=" + text}, nil)
		n := env.Get(r, env.Size, "X", 0, "")
		if n < 0 {
			t.Fatalf("%q: got %d, want no negative size", text, n)
		}
		shown := r.Options()[0].Value
		again := env.New("APP_", []string{"APP_X=" + shown}, nil)
		if got := env.Get(again, env.Size, "X", 0, ""); got != n {
			t.Fatalf("%q is shown as %q, which reads as %d, want %d", text, shown, got, n)
		}
	})
}
