package challenge

import (
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// saves is the request of a page's script, and loads that of a person. Further fields come in
// pairs.
func (c client) saves(fields ...string) *http.Request {
	return c.fetches(http.MethodPost, append([]string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, fields...))
}

func (c client) loads(fields ...string) *http.Request {
	return c.fetches(http.MethodGet, append([]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, fields...))
}

func (c client) fetches(method string, fields []string) *http.Request {
	r := c.request(method, "")
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	return r
}

// A script that got a challenge for what it sent cannot show it. The next page of its browser
// does, and no other browser's.
func TestAPageShowsTheChallengeThatAScriptOwes(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	other, host := c, c
	other.agent = "Mozilla/5.0 (Windows NT 10.0) Firefox/147.0"
	host.url = "https://other.example/"
	byRequest, byClient := Visitor{Addr: c.addr, Request: true}, Visitor{Addr: c.addr}
	neighbour := Visitor{Addr: netip.MustParseAddr("192.0.2.2")}
	for _, row := range []struct {
		name string
		sent *http.Request
		by   Visitor
		page *http.Request
		from Visitor
		want bool
	}{
		{"a script, then a page", c.saves(), byRequest, c.loads(), byClient, true},
		{"a page without fetch metadata", c.saves(), byRequest, c.fetches("GET", []string{"Accept", "text/html"}), byClient, true},
		{"a page itself, which has shown its challenge", c.loads(), byRequest, c.loads(), byClient, false},
		{"a script that a decision stops, as it stops each page", c.saves(), byClient, c.loads(), byClient, false},
		{"a request of a script", c.saves(), byRequest, c.saves(), byClient, false},
		{"a form", c.saves(), byRequest, c.fetches("POST", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}), byClient, false},
		{"a frame", c.saves(), byRequest, c.loads("Sec-Fetch-Dest", "iframe"), byClient, false},
		{"a page that is loaded in advance", c.saves(), byRequest, c.loads("Sec-Purpose", "prefetch"), byClient, false},
		{"a page of another browser", c.saves(), byRequest, other.loads(), byClient, false},
		{"a page from another address", c.saves(), byRequest, c.loads(), neighbour, false},
		{"a page of another host", c.saves(), byRequest, host.loads(), byClient, false},
	} {
		c.gate.memory = new(Memory)
		c.gate.Owe(row.sent, row.by)
		if got := c.gate.Owes(row.page, row.from); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
		if c.gate.Owes(row.page, row.from) {
			t.Errorf("%s: it is owed twice", row.name)
		}
	}
}

// Who has a pass meanwhile owes nothing.
func TestAPassPaysWhatAScriptOwes(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	c.gate.Owe(c.saves(), Visitor{Addr: c.addr, Request: true})
	in := c.solve()
	if c.gate.Owes(in.loads(), in.visitor()) {
		t.Error("the challenge is due again")
	}
}

func TestWhatAScriptOwesIsForgotten(t *testing.T) {
	for _, row := range []struct {
		after time.Duration
		want  bool
	}{{9 * time.Minute, true}, {21 * time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{}))
			c.gate.Owe(c.saves(), Visitor{Addr: c.addr, Request: true})
			<-time.After(row.after)
			if got := c.gate.Owes(c.loads(), c.visitor()); got != row.want {
				t.Errorf("after %v: %v", row.after, got)
			}
		})
	}
}

// A network that sends many requests that get a challenge takes no room from others.
func TestOneNetworkLeavesRoomForWhatOthersOwe(t *testing.T) {
	for _, row := range floods {
		t.Run(row.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{}))
			for n := range 20_000 {
				c.gate.Owe(c.saves(), Visitor{Addr: row.addr(n), Request: true})
			}
			if n := c.gate.memory.owed.len(); n != 2048 {
				t.Errorf("%d are remembered, want 2048", n)
			}
			c.addr = bystander
			c.gate.Owe(c.saves(), Visitor{Addr: c.addr, Request: true})
			if !c.gate.Owes(c.loads(), c.visitor()) {
				t.Error("another network's browser is not remembered")
			}
		})
	}
}

// Usually no script owes anything, and a page costs nothing more.
func TestAskingWhatIsOwedAllocatesNothing(t *testing.T) {
	g := newGate(t, Config{})
	c := newClient(t, g)
	r, v := c.loads(), c.visitor()
	if n := testing.AllocsPerRun(100, func() { g.Owes(r, v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
