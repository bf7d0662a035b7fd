package lookup

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gaissmai/bart"

	"github.com/tocsin-project/tocsin/internal/heaptest"
)

var sizes = []struct {
	name string
	n    int
}{{"15k", 15_000}, {"100k", 100_000}, {"1M", 1_000_000}}

// populations are what a table may be filled with, and in which sizes it is.
var populations = []struct {
	name  string
	make  func(r *rand.Rand, n int) []Decision
	sizes []string
}{
	{"", population, []string{"15k", "100k", "1M"}},
	{"clustered/", clustered, []string{"15k", "1M"}},
}

// A scene is a filled table, bart's own tables with the same prefixes as
// yardsticks, and addresses to ask for.
type scene struct {
	table Table
	lite  bart.Lite
	plain bart.Table[uint32]
	probe map[string][]netip.Addr // 65,536 of each kind
}

func newScene(n int, fill func(r *rand.Rand, n int) []Decision) *scene {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	s := &scene{probe: map[string][]netip.Addr{}}
	all := fill(r, n)
	s.table.Replace("lapi", all)
	for i, d := range all {
		s.lite.Insert(d.Prefix)
		s.plain.Insert(d.Prefix, uint32(i))
	}
	add := func(kind string, ip netip.Addr) {
		if len(s.probe[kind]) < 1<<16 {
			s.probe[kind] = append(s.probe[kind], ip)
		}
	}
	for len(s.probe["hit/v4"]) < 1<<16 || len(s.probe["hit/v6"]) < 1<<16 {
		ip := all[r.IntN(n)].Prefix.Addr()
		if ip.Is4() {
			add("hit/v4", ip)
		} else {
			add("hit/v6", ip)
		}
	}
	for len(s.probe["miss/v4"]) < 1<<16 || len(s.probe["miss/v6"]) < 1<<16 {
		if ip := randomAddr(r); !s.lite.Contains(ip) {
			add("miss/v4", ip)
		}
		if ip := population(r, 20)[0].Prefix.Addr(); ip.Is6() && !s.lite.Contains(ip) {
			add("miss/v6", ip)
		}
	}
	for _, family := range []string{"/v4", "/v6"} {
		for len(s.probe["near"+family]) < 1<<16 {
			if ip := neighbour(r, s.probe["hit"+family][r.IntN(1<<16)]); !s.lite.Contains(ip) {
				add("near"+family, ip)
			}
		}
	}
	return s
}

// BenchmarkLookup asks for random listed and unlisted addresses, and for unlisted ones
// near listed ones (in the /24, or the /32 of IPv6), and does the same with bart alone: Contains for a
// miss, Lookup for a hit. Read is what a hit costs up to the record that wins; after
// that a Decision is made of it.
func BenchmarkLookup(b *testing.B) {
	for _, of := range populations {
		for _, size := range sizes {
			if slices.Contains(of.sizes, size.name) {
				newScene(size.n, of.make).bench(b, of.name, size.name)
			}
		}
	}
}

func (s *scene) bench(b *testing.B, of, size string) {
	s.table.Tick(time.Now()) // as an engine does
	lite := func(ip netip.Addr) bool { return s.lite.Contains(ip) }
	plain := func(ip netip.Addr) bool { _, ok := s.plain.Lookup(ip); return ok }
	table := func(ip netip.Addr) bool { _, ok := s.table.Lookup(ip); return ok }
	for _, kind := range []string{"miss/v4", "miss/v6", "near/v4", "near/v6", "hit/v4", "hit/v6"} {
		hit := kind[:3] == "hit"
		yardstick := lite
		if hit {
			yardstick = plain
		}
		for _, hot := range []bool{false, true} {
			ips, name := s.probe[kind], kind+"/"+of+size
			if hot {
				ips, name = ips[:16], name+"/hot"
			}
			b.Run(name+"/bart", func(b *testing.B) { ask(b, ips, yardstick) })
			if hit {
				b.Run(name+"/read", func(b *testing.B) { ask(b, ips, s.read) })
			}
			b.Run(name+"/tocsin", func(b *testing.B) { ask(b, ips, table) })
		}
	}
	b.Run("parallel/"+of+size+"/bart", func(b *testing.B) { askParallel(b, s.probe["miss/v4"], lite) })
	b.Run("parallel/"+of+size+"/tocsin", func(b *testing.B) { askParallel(b, s.probe["miss/v4"], table) })
}

// read is Lookup up to the record that wins.
func (s *scene) read(ip netip.Addr) bool {
	var w winner
	if state := s.table.cur.Load(); ip.Is4() {
		w.cover4(state, number4(ip))
	} else {
		s.table.strongest(state, ip, &w)
	}
	return w.until > 0
}

func ask(b *testing.B, ips []netip.Addr, f func(netip.Addr) bool) {
	b.ReportAllocs()
	i, found := 0, 0
	for b.Loop() {
		if f(ips[i&(len(ips)-1)]) {
			found++
		}
		i++
	}
	if found != 0 && found != b.N {
		b.Fatalf("%d of %d found", found, b.N)
	}
}

func askParallel(b *testing.B, ips []netip.Addr, f func(netip.Addr) bool) {
	b.RunParallel(func(pb *testing.PB) {
		i := rand.IntN(len(ips))
		for pb.Next() {
			f(ips[i&(len(ips)-1)])
			i++
		}
	})
}

// BenchmarkReplace loads a full list into an empty table, and then the same
// list again, and reports what a decision costs in memory.
func BenchmarkReplace(b *testing.B) {
	for _, size := range sizes {
		all := population(rand.New(rand.NewPCG(2, 2)), size.n)
		b.Run("first/"+size.name+"/bart", func(b *testing.B) {
			for b.Loop() {
				var t bart.Table[uint32]
				for i := range all {
					t.Insert(all[i].Prefix, uint32(i))
				}
			}
		})
		b.Run("first/"+size.name+"/tocsin", func(b *testing.B) {
			var t *Table
			for b.Loop() {
				t = new(Table)
				t.Replace("lapi", all)
			}
			full := heaptest.Bytes()
			t.Lookup(netip.Addr{}) // t lives up to here
			t = nil
			b.ReportMetric(float64(full-heaptest.Bytes())/float64(size.n), "B/decision")
		})
		b.Run("again/"+size.name+"/tocsin", func(b *testing.B) {
			var t Table
			t.Replace("lapi", all)
			for b.Loop() {
				t.Replace("lapi", all)
			}
		})
	}
}

// BenchmarkMark is a run of the garbage collector while a million decisions are held,
// beside one while nothing is, and one while bart alone holds their prefixes.
func BenchmarkMark(b *testing.B) {
	collect := func(b *testing.B, held any) {
		for b.Loop() {
			runtime.GC()
		}
		runtime.KeepAlive(held)
	}
	all := func() []Decision { return population(rand.New(rand.NewPCG(6, 6)), 1_000_000) }
	b.Run("nothing", func(b *testing.B) { collect(b, nil) })
	b.Run("1M/bart", func(b *testing.B) {
		plain := new(bart.Table[uint32])
		for i, d := range all() {
			plain.Insert(d.Prefix, uint32(i))
		}
		collect(b, plain)
	})
	b.Run("1M/tocsin", func(b *testing.B) {
		table := new(Table)
		table.Replace("lapi", all())
		collect(b, table)
	})
}

// BenchmarkUpdate applies deltas to a full table and takes them back: one
// decision, ten thousand, and the community list announced again with new ends.
func BenchmarkUpdate(b *testing.B) {
	for _, size := range sizes[1:] {
		r := rand.New(rand.NewPCG(3, 3))
		all := population(r, size.n)
		var t Table
		t.Replace("lapi", all)
		for _, n := range []int{1, 100, 10_000} {
			deltas := make([][]Decision, 64)
			for i := range deltas {
				deltas[i] = population(r, n)
			}
			i, took := 0, time.Duration(0)
			b.Run(fmt.Sprintf("add/%s/%d", size.name, n), func(b *testing.B) {
				for b.Loop() {
					delta := deltas[i%64]
					i++
					t.Update("lapi", delta, nil)
					b.StopTimer()
					began := time.Now()
					t.Update("lapi", nil, delta)
					took += time.Since(began)
					b.StartTimer()
				}
				b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/removal")
				took = 0
			})
		}
		known := slices.Clone(all[:15_000])
		b.Run("reannounce/"+size.name+"/15000", func(b *testing.B) {
			for b.Loop() {
				for i := range known {
					known[i].Until = known[i].Until.Add(time.Second)
				}
				t.Update("lapi", known, nil)
			}
		})
	}
}

// BenchmarkGently exchanges decisions of a full table, in the time that it takes
// when requests go first: ten thousand, and all of them. BenchmarkUpdate and
// BenchmarkReplace say what work that is.
func BenchmarkGently(b *testing.B) {
	for _, size := range sizes[1:] {
		r := rand.New(rand.NewPCG(5, 5))
		all := population(r, size.n)
		var t Table
		t.Replace("lapi", all)
		add := func(all []Decision) *Batch {
			batch := t.Batch("lapi").Gently()
			for i := range all {
				batch.Add(all[i])
			}
			return batch
		}
		b.Run("add/"+size.name+"/10000", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				delta := population(r, 10_000)
				b.StartTimer()
				add(delta).Update()
			}
		})
		b.Run("again/"+size.name, func(b *testing.B) {
			for b.Loop() {
				add(all).Replace()
			}
		})
	}
}

// BenchmarkSnapshot writes a table and reads it back.
func BenchmarkSnapshot(b *testing.B) {
	for _, size := range sizes {
		var t Table
		t.Replace("lapi", population(rand.New(rand.NewPCG(4, 4)), size.n))
		var buf bytes.Buffer
		b.Run("write/"+size.name, func(b *testing.B) {
			for b.Loop() {
				buf.Reset()
				if _, err := t.WriteTo(&buf); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(buf.Len())/float64(size.n), "B/decision")
		})
		b.Run("read/"+size.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := new(Table).ReadFrom(bytes.NewReader(buf.Bytes())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
