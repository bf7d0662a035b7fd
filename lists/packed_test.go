package lists

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// stored returns a zip archive that is not compressed: the addresses stand in it word
// by word.
func stored(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "list.txt", Method: zip.Store})
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// noise returns so many lines of a thousand letters that gzip cannot make much of.
func noise(lines int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range lines {
		b.WriteByte('#')
		for range 1000 {
			b.WriteByte('a' + byte(r.UintN(26)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestWhatIsInAFile(t *testing.T) {
	const good = "192.0.2.1\n198.51.100.0/24\n"
	whole := packed(t, good)
	for _, row := range []struct{ name, text, refused string }{
		{"text", good, ""},
		{"gzip", whole, ""},
		{"two parts of gzip", packed(t, "192.0.2.1\n") + packed(t, "198.51.100.0/24\n"), ""},
		{"a JSON array in gzip", packed(t, `["192.0.2.1", {"cidr":"198.51.100.0/24"}]`), ""},
		{"gzip that is cut short", whole[:len(whole)-4], "unexpected EOF"},
		{"gzip with something behind it", whole + "x", "unexpected EOF"},
		{"a gzip bomb", packed(t, strings.Repeat("#"+strings.Repeat("x", 1<<10)+"\n", 3<<10)), "decompresses to too many bytes"},
		{"more than is read, in gzip", packed(t, noise(1_100)), "too large"},
		{"a zip archive that is only stored", stored(t, good), "unpack archives such as zip first"},
		{"a NUL in a comment", good + "# \x00\n", "binary data"},
		{"UTF-16", "1\x009\x002\x00.\x000\x00.\x002\x00.\x001\x00\n\x00", "binary data"},
		{"a JSON array that is cut short", `["192.0.2.1", "198.51.100.0/24"`, "malformed JSON array"},
		{"a JSON array with something behind it", `["192.0.2.1"] 198.51.100.0/24`, "malformed JSON array"},
		{"a JSON array with an element too long", `["192.0.2.1", "` + strings.Repeat("x", 200<<10) + `"]`, "longer than 65536 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.text, func(r *rig) {
				r.run()
				if row.refused != "" {
					r.holds()
					r.outOfStep(row.refused)
					return
				}
				r.holds("192.0.2.1/32", "198.51.100.0/24")
				r.inStep()
			})
		})
	}
}

func TestOneLineCannotStandForAnyNumberOfRanges(t *testing.T) {
	// Each of these lines is 254 ranges.
	text := strings.Repeat("2001:db8::1-2001:db8:ffff:ffff:ffff:ffff:ffff:fffe\n", 100)
	inBubble(t, text, func(r *rig) {
		r.run()
		r.holds()
		r.outOfStep("too many lines")
	})
}

func TestAMissingListSaysWhetherThereIsACopy(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.do(os.Remove(r.path))
		r.run()
		if r.logs.FilterMessageSnippet("there is no earlier copy").Len() != 1 || r.logs.FilterMessageSnippet("copy stays").Len() != 0 {
			t.Errorf("log: %v", r.logs.All())
		}
		r.write("192.0.2.1\n")
		r.event(2 * quiet)
		r.holds("192.0.2.1/32")
		r.do(os.Remove(r.path))
		r.event(2 * quiet)
		r.holds("192.0.2.1/32")
		if r.logs.FilterMessageSnippet("copy stays").Len() != 1 {
			t.Errorf("log: %v", r.logs.All())
		}
	})
}

func TestAnEmptyListIsWarnedOf(t *testing.T) {
	for _, row := range []struct{ name, text string }{
		{"nothing", ""}, {"comments", "# nobody\n"}, {"an empty array", "[]"}, {"nothing, packed", packed(t, "")},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.text, func(r *rig) {
				r.run()
				r.inStep()
				if r.logs.FilterMessage("blocklist is empty: it has no effect").Len() != 1 {
					t.Errorf("log: %v", r.logs.All())
				}
				r.write("192.0.2.1\n")
				r.event(2 * quiet)
				r.write(row.text)
				r.event(2 * quiet)
				r.holds("192.0.2.1/32")
				r.outOfStep("shrank from 1 entries to 0")
				pass(2 * time.Minute)
				r.holds()
				r.inStep()
			})
		})
	}
}

func TestAnUnknownSchemeIsNoFile(t *testing.T) {
	for _, row := range []struct{ list, want string }{
		{"htps://example.org/list.txt", `unknown scheme "htps": write http:// or https://`},
		{"file:///etc/list.txt", `unknown scheme "file"`},
	} {
		if _, err := NewFile(FileConfig{Path: row.list}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("file %s: %v", row.list, err)
		}
		if _, err := NewAllowList(AllowConfig{List: row.list}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("allow list %s: %v", row.list, err)
		}
	}
	for _, list := range []string{"HTTPS://example.org/list.txt", "http://example.org/list.txt"} {
		if is, err := IsURL(list); !is || err != nil {
			t.Errorf("%s is no URL: %v", list, err)
		}
	}
	if is, err := IsURL("/srv/a://b"); is || err != nil {
		t.Errorf("a path is a URL: %t, %v", is, err)
	}
}

// Servers send .gz files as they are, as their content, and may pack them again.
func TestPackedListsOfServers(t *testing.T) {
	whole := packed(t, "192.0.2.1\n")
	for _, row := range []struct {
		name, body, encoding string
	}{
		{"a .gz file", whole, ""},
		{"text, packed on the way", whole, "gzip"},
		{"a .gz file, packed again", packed(t, whole), "gzip"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", row.encoding)
				_, _ = io.WriteString(w, row.body)
			}))
			defer s.Close()
			u, err := NewURL(URLConfig{URL: s.URL + "/list.txt.gz"})
			if err != nil {
				t.Fatal(err)
			}
			var a AllowList
			f := newFetcher(u, &a.table)
			if f.poll(t.Context()); a.table.Count(u.Name()) != 1 {
				t.Errorf("%d entries: %v", a.table.Count(u.Name()), u.Status().Err)
			}
			u.transport.(*http.Transport).CloseIdleConnections()
		})
	}
}

func TestAllowListsAreTakenAsAWhole(t *testing.T) {
	for _, row := range []struct {
		name, text, refused string
	}{
		{"addresses, private ones too", "192.0.2.1 # the office\n10.0.0.0/8\n", ""},
		{"a JSON array", `["192.0.2.1", "10.0.0.0/8"]`, ""},
		{"one bad line", "192.0.2.1\n10.0.0.0/8\n192.0.2.300\n", "line 3"},
		{"one bad element", `["192.0.2.1", "10.0.0.0/8", 7]`, "element 3"},
		{"one bad column", "192.0.2.1,10.0.0.0/8,monitor\n", "not an IP address"},
		{"a line that is too long", "192.0.2.1\n10.0.0.0/8\n" + strings.Repeat("x", 70_000), "line 3: longer than"},
		{"everybody", "192.0.2.1\n10.0.0.0/8\n0.0.0.0/0\n", "covers every address"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.text, func(r *rig) {
				a, err := NewAllowList(AllowConfig{List: r.path})
				if err != nil {
					t.Fatal(err)
				}
				a.Load(r.t.Context())
				switch err := a.Status().Err; {
				case row.refused == "" && (err != nil || a.Len() != 2 || !a.Contains(netip.MustParseAddr("10.1.2.3")) || a.Contains(netip.MustParseAddr("192.0.2.2"))):
					t.Errorf("%d entries, %v", a.Len(), err)
				case row.refused != "" && (err == nil || !strings.Contains(err.Error(), row.refused) || a.Len() != 0):
					t.Errorf("%d entries, %v; want none, and %q", a.Len(), err, row.refused)
				}
			})
		})
	}
}

func TestAnAllowListIsFollowed(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		a, err := NewAllowList(AllowConfig{List: r.path})
		if err != nil {
			t.Fatal(err)
		}
		a.file.listen = r.listen
		a.Load(r.t.Context())
		done := make(chan error)
		ctx, cancel := context.WithCancel(r.t.Context())
		go func() { done <- a.Run(ctx) }()
		synctest.Wait()
		for _, step := range []struct {
			text   string
			listed bool
		}{{"192.0.2.2\n", true}, {"192.0.2.1\nbad\n", true}, {"192.0.2.3\n", false}} {
			r.write(step.text)
			r.event(2 * quiet)
			if got := a.Contains(netip.MustParseAddr("192.0.2.2")); got != step.listed {
				t.Errorf("%q: listed: %t; want %t", step.text, got, step.listed)
			}
		}
		cancel()
		<-done
	})
}

func TestAnAllowListCostsNoAllocation(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		a, err := NewAllowList(AllowConfig{List: r.path})
		if err != nil {
			t.Fatal(err)
		}
		a.Load(r.t.Context())
		listed, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		if n := testing.AllocsPerRun(100, func() { a.Contains(listed); a.Contains(other) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
