package challenge

import (
	"net/http"
	"time"
)

const (
	owedFor = 10 * time.Minute // at least this long, and at most twice
	maxOwed = 1 << 14          // browsers per generation
)

// Owe records that r gets a challenge because of its content, and that a script of a page
// has sent it, which cannot show a challenge. Loading the page again would not help, because
// its own request needs none. So [Gate.Owes] is true for the next page that this browser
// loads from this host, and the pass that it earns there counts for the script, too.
func (g *Gate) Owe(r *http.Request, v Visitor) {
	if !v.Request || navigates(r) {
		return
	}
	m, from, now := g.memory, networkOf(v.Addr), time.Now()
	b := g.bindingOf(r, from)
	by := b.solverOf(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owed.turn(now, owedFor)
	m.owed.putFor(by.area, by.browser, struct{}{}, maxOwed) // if there is no room, the script stays stopped
	m.owing.Store(int64(m.owed.len()))
}

// Owes reports whether r is for a page and its browser owes a challenge, which is then due
// once. If it has a pass, or collects passes, it is false.
func (g *Gate) Owes(r *http.Request, v Visitor) bool {
	m := g.memory
	if m.owing.Load() == 0 || !loadsPage(r) {
		return false
	}
	from := networkOf(v.Addr)
	b := g.bindingOf(r, from)
	return m.takeOwed(b.solverOf(r).browser, time.Now()) && g.Judge(r, v) == Due
}

// takeOwed reports whether a browser owes a challenge, and forgets it.
func (m *Memory) takeOwed(browser group, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owed.turn(now, owedFor)
	_, owes := m.owed.get(browser)
	delete(m.owed.young, browser)
	delete(m.owed.old, browser)
	m.owing.Store(int64(m.owed.len()))
	return owes
}

// loadsPage reports whether r loads a page into a window. A page that a browser loads in
// advance may never be seen.
func loadsPage(r *http.Request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return r.Method == http.MethodGet && navigates(r) && (dest == "" || dest == "document") &&
		r.Header.Get("Sec-Purpose") == "" && r.Header.Get("Purpose") == ""
}
