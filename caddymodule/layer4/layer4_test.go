package layer4

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	l4 "github.com/mholt/caddy-l4/layer4"
	"go.uber.org/goleak"

	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/mholt/caddy-l4/modules/l4close"
	_ "github.com/mholt/caddy-l4/modules/l4echo"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), // Caddy has some of its own
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

const (
	banned     = "127.0.0.2"
	challenged = "127.0.0.3"
	allowed    = "127.0.0.4" // though it is listed
	other      = "127.0.0.1"
)

// config is a Caddyfile with two lists, and a server that echoes what others send than
// those that args match.
func config(t *testing.T, server, args string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"bans.txt": banned + "\n" + allowed + "\n", "captchas.txt": challenged + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("{DIR}", dir, "{SERVER}", server, "{ARGS}", args).Replace(`{
	admin off
	persist_config off
	log {
		output discard
	}
	storage file_system {DIR}/storage
	tocsin {
		blocklist {DIR}/bans.txt {
			private on
		}
		blocklist {DIR}/captchas.txt {
			private on
			action captcha
		}
		allow ` + allowed + `
		snapshot off
	}
	layer4 {
		{SERVER} {
			@listed tocsin{ARGS}
			route @listed {
				close
			}
			route {
				echo
			}
		}
	}
}
`)
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return adapted
}

func TestMatcher(t *testing.T) {
	for _, row := range []struct {
		args   string
		closed []string
	}{
		{"", []string{banned, challenged}},
		{" ban", []string{banned}},
		{" captcha throttle", []string{challenged}},
	} {
		t.Run("tocsin"+row.args, func(t *testing.T) {
			socket, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4zero})
			if err != nil {
				t.Fatal(err)
			}
			file, err := socket.File()
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(socket.Addr().String())
			if err := caddy.Load(config(t, fmt.Sprintf("fd/%d", file.Fd()), row.args), true); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = caddy.Stop()
				file.Close()
				socket.Close()
			})
			for _, client := range row.closed {
				until(t, func() bool { return echoes(t, client, port) == "" })
			}
			for _, client := range []string{other, allowed} {
				if got := echoes(t, client, port); got != "hello" {
					t.Errorf("%s reads %q", client, got)
				}
			}
		})
	}
}

// echoes returns what the server sends back to a client.
func echoes(t *testing.T, client, port string) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}, Timeout: 10 * time.Second}
	conn, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "hello")
	_ = conn.(*net.TCPConn).CloseWrite()
	text, _ := io.ReadAll(conn)
	return string(text)
}

// until waits until a list is read.
func until(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); !done(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not come to that")
		}
	}
}

type peer struct {
	net.Conn
	addr net.Addr
}

func (p peer) RemoteAddr() net.Addr { return p.addr }

// A client without an IP address does not match, and is no error that ends the
// connection.
func TestAConnectionWithoutAnAddressIsNotMatched(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	cx := l4.WrapConnection(peer{server, &net.UnixAddr{Name: "/run/a.sock", Net: "unix"}}, nil, caddy.Log())
	if ok, err := new(Matcher).Match(cx); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestMistakes(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"drop", "drop"},
		{"{\nban\n}", "takes no block"},
	} {
		text := "{\nlayer4 {\n:1 {\n@a tocsin " + row.args + "\nroute @a {\nclose\n}\n}\n}\n}\n"
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
		if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "Caddyfile:4") && !strings.Contains(err.Error(), "Caddyfile:5") {
			t.Errorf("%q: %v", row.args, err)
		}
	}
}
