package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds of one request.
const (
	callTimeout = 20 * time.Second
	maxAnswer   = 16 << 20
	maxWait     = 15 * time.Second // for a backend that asks to come back later
	maxRetries  = 3
)

// reply is what came back.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	endless bool // a stream, or too long: its body is not looked into
}

// json decodes the body.
func (r reply) json() (any, error) {
	return jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
}

// errRemote is returned for an address that is not this machine's.
var errRemote = errors.New("that is not this machine; --allow-remote permits it")

// newClient makes a client that goes to the host that it is told to and no
// other: it follows no redirects and uses no proxy.
func newClient(remote bool) *http.Client {
	dialer := &net.Dialer{Timeout: callTimeout}
	if !remote {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !to.Addr().Unmap().IsLoopback() {
				return fmt.Errorf("connect to %s: %w", address, errRemote)
			}
			return nil
		}
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callTimeout,
	}
}

// raw is a body that is sent as it is.
type raw string

// send makes a request. A backend that says to come back later is asked again.
func (r *runner) send(ctx context.Context, method, target string, header http.Header, body any, hasBody bool) (reply, error) {
	if !strings.HasPrefix(target, "/") { // or else it could name another host
		return reply{}, fmt.Errorf("a path begins with a slash, got %q", target)
	}
	var content []byte
	if hasBody {
		content = bodyOf(body)
	}
	for retries := 0; ; retries++ {
		request, err := http.NewRequestWithContext(ctx, method, r.base+target, bytes.NewReader(content))
		if err != nil {
			return reply{}, fmt.Errorf("make the request: %w", err)
		}
		request.Header = header.Clone()
		if request.Header == nil {
			request.Header = http.Header{}
		}
		request.Header.Set("User-Agent", "holdall-conform")
		if hasBody {
			request.Header.Set("Content-Type", "application/json")
		}
		got, err := r.exchange(request)
		if err != nil || got.status != http.StatusTooManyRequests || retries == maxRetries {
			return got, err
		}
		wait := time.Duration(max(1, atoi(got.header.Get("Retry-After")))) * time.Second
		r.progress("the backend wants us to wait, %s", wait)
		timer := time.NewTimer(min(wait, maxWait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return reply{}, ctx.Err()
		case <-timer.C:
		}
	}
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text) // 0 for what is no number
	return n
}

func (r *runner) exchange(request *http.Request) (reply, error) {
	r.report.Calls++
	response, err := r.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	got := reply{status: response.StatusCode, header: response.Header}
	if strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream") {
		got.endless = true
		return got, nil
	}
	got.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(got.body) > maxAnswer {
		got.body, got.endless = got.body[:maxAnswer], true
		r.note("An answer of %s was longer than %d MiB, and was not looked into.", request.URL.Path, maxAnswer>>20)
	}
	return got, nil
}

// bodyOf is a body as it is sent.
func bodyOf(body any) []byte {
	if text, ok := body.(raw); ok {
		return []byte(text)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // it was made of what JSON has
	return bytes.TrimSpace(out.Bytes())
}

// secret are headers whose values are not shown but named.
var secret = []string{"Authorization", "Cookie", "X-Api-Key"}

// line is a command that repeats a call. Secrets are read from variables of the
// shell: $AUTHORIZATION.
func (r *runner) line(c call) string {
	parts := []string{"curl -i"}
	if c.op.method != http.MethodGet {
		parts = append(parts, "-X "+c.op.method)
	}
	for _, name := range slices.Sorted(maps.Keys(c.header)) {
		if slices.Contains(secret, name) && !c.broken {
			parts = append(parts, fmt.Sprintf(`-H "%s: $%s"`, name, strings.ToUpper(strings.ReplaceAll(name, "-", "_"))))
			continue
		}
		parts = append(parts, "-H "+quote(name+": "+c.header.Get(name)))
	}
	if c.hasBody {
		parts = append(parts, "-H 'Content-Type: application/json'", "-d "+quote(shorten(string(bodyOf(c.body)), 1500)))
	}
	return strings.Join(append(parts, quote(r.shown+c.target)), " ")
}

// quote makes a word for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
