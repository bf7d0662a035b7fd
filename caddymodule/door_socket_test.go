package caddymodule

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/tocsin-project/tocsin/lookup"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// withSockets is the setting by which Go's HTTP/2 takes WebSockets (RFC 8441). It is read
// when a program starts.
const withSockets = "http2xconnect=1"

// TestSocketsOverHTTP2And3 runs the tests of WebSockets over the newer protocols in a
// program that takes them: RFC 8441 for HTTP/2, RFC 9220 for HTTP/3.
func TestSocketsOverHTTP2And3(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "^TestNoSocketGoesRoundTheChallenge$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG="+withSockets)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestNoSocketGoesRoundTheChallenge/")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// A socket is a WebSocket as its client sees it.
type socket struct {
	status int
	said   string // the headers of the answer
	io.ReadWriter
}

// A WebSocket begins by CONNECT, which says what a page is asked for: without a pass it is
// refused as everything is, also where it asks for what is exempt. With one it works, and
// it ends when its client is banned.
func TestNoSocketGoesRoundTheChallenge(t *testing.T) {
	if !strings.Contains(os.Getenv("GODEBUG"), withSockets) {
		t.Skip("run by TestSocketsOverHTTP2And3")
	}
	f := &front{host: newHost(t), tls: freeAddr(t)}
	trusted := f.certificate()
	f.list("suspects.txt", banned)
	_, port, _ := net.SplitHostPort(f.tls)
	f.load(strings.Replace(globals("blocklist {DIR}/suspects.txt {\naction captcha\n}\nsnapshot off\ndetect off"),
		"protocols h1 h2c", "protocols h1 h2 h3", 1) +
		"(site) {\ntocsin\nreverse_proxy " + newLastingUpstream(t) + "\nhandle_errors {\nreverse_proxy " + newFrontController(t).Listener.Addr().String() + "\n}\n}\n" +
		"http://{ADDR} {\nimport site\n}\nhttps://127.0.0.1:" + port + " {\ntls {DIR}/cert.pem {DIR}/key.pem\nimport site\n}")
	f.waitStatus(banned, http.StatusForbidden)
	for proto, open := range map[string]func(from, path string) *socket{
		"HTTP/2.0": func(from, path string) *socket { return f.socketOver2(&tls.Config{RootCAs: trusted}, from, path) },
		"HTTP/3.0": func(from, path string) *socket { return f.socketOver3(&tls.Config{RootCAs: trusted}, from, path) },
	} {
		t.Run(proto, func(t *testing.T) {
			for _, path := range []string{"/a/socket", "/robots.txt", "/.well-known/x", "/favicon.ico"} {
				if s := open(banned, path); s.status != http.StatusForbidden || !strings.Contains(s.said, "x-tocsin: challenge") {
					t.Errorf("%s: status %d, %q", path, s.status, s.said)
				}
			}
			s := open(another, "/a/socket")
			if s.status != http.StatusOK {
				t.Fatalf("who has no decision gets %d: %q", s.status, s.said)
			}
			for _, word := range []string{"ping", "pong"} {
				got := make([]byte, len(word))
				if _, err := io.WriteString(s, word); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(s, got); err != nil || string(got) != word {
					t.Fatalf("%q comes back as %q, %v", word, got, err)
				}
			}
			ban(t, another)
			ended := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, s)
				ended <- err
			}()
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Error("it goes on when its client is banned")
			}
			runningEngine(t).Table().Update("test", nil, []lookup.Decision{{Prefix: prefix(t, another), Action: lookup.Ban}})
		})
	}
}

// socketFields are the headers of a WebSocket's request.
func (f *front) socketFields(from, path string) [][2]string {
	return [][2]string{
		{":method", "CONNECT"},
		{":protocol", "websocket"},
		{":scheme", "https"},
		{":path", path},
		{":authority", f.tls},
		{"sec-websocket-version", "13"},
		{"accept", "text/html"},
		{"x-forwarded-for", from},
	}
}

// socketOver2 opens one over HTTP/2.
func (f *front) socketOver2(cfg *tls.Config, from, path string) *socket {
	f.t.Helper()
	cfg.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", f.tls, cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		f.t.Fatal(err)
	}
	fr := http2.NewFramer(conn, conn)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, field := range f.socketFields(from, path) {
		if err := enc.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := errors.Join(fr.WriteSettings(), fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})); err != nil {
		f.t.Fatal(err)
	}
	s := &overFrames{fr: fr}
	for {
		got, err := fr.ReadFrame()
		if err != nil {
			f.t.Fatal(err)
		}
		switch got := got.(type) {
		case *http2.MetaHeadersFrame:
			return s.opened(got)
		case *http2.SettingsFrame:
			s.settle(got)
		case *http2.RSTStreamFrame:
			return &socket{said: got.ErrCode.String()}
		}
	}
}

// overFrames are the bytes of a WebSocket in frames of HTTP/2.
type overFrames struct {
	fr   *http2.Framer
	left []byte
}

func (s *overFrames) opened(head *http2.MetaHeadersFrame) *socket {
	var said strings.Builder
	status := 0
	for _, field := range head.Fields {
		fmt.Fprintf(&said, "%s: %s\n", field.Name, field.Value)
		if field.Name == ":status" {
			_, _ = fmt.Sscan(field.Value, &status)
		}
	}
	return &socket{status, said.String(), s}
}

func (s *overFrames) settle(got *http2.SettingsFrame) {
	if !got.IsAck() {
		_ = s.fr.WriteSettingsAck() // an error is one of the next read, too
	}
}

func (s *overFrames) Write(p []byte) (int, error) { return len(p), s.fr.WriteData(1, false, p) }

func (s *overFrames) Read(p []byte) (int, error) {
	for len(s.left) == 0 {
		got, err := s.fr.ReadFrame()
		if err != nil {
			return 0, err
		}
		switch got := got.(type) {
		case *http2.DataFrame:
			s.left = bytes.Clone(got.Data())
			if got.StreamEnded() {
				return 0, io.EOF
			}
		case *http2.SettingsFrame:
			s.settle(got)
		case *http2.RSTStreamFrame:
			return 0, fmt.Errorf("reset: %v", got.ErrCode)
		}
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

// socketOver3 opens one over HTTP/3.
func (f *front) socketOver3(cfg *tls.Config, from, path string) *socket {
	f.t.Helper()
	cfg.NextProtos = []string{http3.NextProtoH3}
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	f.t.Cleanup(cancel)
	conn, err := quic.DialAddr(ctx, f.tls, cfg, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.CloseWithError(0, "") }) // the other side may have closed it
	stream, err := new(http3.Transport).NewClientConn(conn).OpenRequestStream(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	r := &http.Request{
		Method: http.MethodConnect, Proto: "websocket", Host: f.tls, URL: &url.URL{Scheme: "https", Host: f.tls, Path: path},
		Header: http.Header{"Sec-Websocket-Version": {"13"}, "Accept": {"text/html"}, "X-Forwarded-For": {from}},
	}
	if err := stream.SendRequestHeader(r); err != nil {
		f.t.Fatal(err)
	}
	resp, err := stream.ReadResponse() //nolint:bodyclose // it is the stream
	if err != nil {
		f.t.Fatal(err)
	}
	var said strings.Builder
	for name, values := range resp.Header {
		fmt.Fprintf(&said, "%s: %s\n", strings.ToLower(name), strings.Join(values, ", "))
	}
	return &socket{resp.StatusCode, said.String(), stream}
}
