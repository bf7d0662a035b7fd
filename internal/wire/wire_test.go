package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// flat is a row with its bytes copied out.
type flat struct {
	section                                          Section
	simulated, long                                  bool
	id                                               int64
	value, duration, origin, scenario, scope, typeOf string
}

func flatten(r *Row) flat {
	return flat{
		r.Section, r.Simulated, r.Long, r.ID,
		string(r.Value), string(r.Duration), r.Origin, r.Scenario, r.Scope, r.Type,
	}
}

func collect(rows iter.Seq2[*Row, error]) ([]flat, error) {
	var all []flat
	for r, err := range rows {
		if err != nil {
			return all, err
		}
		all = append(all, flatten(r))
	}
	return all, nil
}

// small returns a decoder whose buffer is used up all the time.
func small(r io.Reader, size int) *Decoder {
	d := &Decoder{scanner: scanner{buf: make([]byte, size)}}
	d.Reset(r)
	return d
}

var (
	ban = `{"duration":"3h59m58.681789647s","id":1,"origin":"cscli","scenario":"manual ban",` +
		`"scope":"Ip","type":"ban","value":"192.0.2.10"}`
	flatBan = flat{
		id: 1, value: "192.0.2.10", duration: "3h59m58.681789647s", origin: "cscli",
		scenario: "manual ban", scope: "Ip", typeOf: "ban",
	}
)

func over(f flat) flat { f.section = Deleted; return f }

func TestStream(t *testing.T) {
	tests := []struct {
		name, in string
		want     []flat
	}{
		{"nothing, as 1.4.6 says it", `{"deleted":null,"new":null}`, nil},
		{"nothing, as 1.7.8 says it", `{"new": [], "deleted": []}`, nil},
		{"no keys at all", `{}`, nil},
		{"only one key", `{"new":[` + ban + `]}`, []flat{flatBan}},
		{"deleted first", `{"deleted":[` + ban + `],"new":[` + ban + `]}`, []flat{over(flatBan), flatBan}},
		{"new first", `{"new": [` + ban + `], "deleted": [` + ban + `]}`, []flat{flatBan, over(flatBan)}},
		{"white space everywhere", " {\n\"new\" :\t[ { \"value\" : \"::1\" }\r, {} ] } \n", []flat{{value: "::1"}, {}}},
		{"null for a field", `{"new":[{"value":"::1","type":null,"simulated":null}]}`, []flat{{value: "::1"}}},
		{
			"a uuid and what nobody knows yet, nested",
			`{"links":{"a":[1,-0.5e+7,true,false,null,{"new":[{}]}]},"new":[{"uuid":"x","more":[[[{"value":"no"}]]],"value":"yes"}]}`,
			[]flat{{value: "yes"}},
		},
		{"a key twice: the last counts", `{"new":[{"value":"a","value":"b"}]}`, []flat{{value: "b"}}},
		{"keys are case-sensitive", `{"New":[{}],"new":[{"Value":"a"}]}`, []flat{{}}},
		{"a simulated decision", `{"new":[{"simulated":true},{"simulated":false}]}`, []flat{{simulated: true}, {}}},
		{
			"ids that are none",
			`{"new":[{"id":0},{"id":-7},{"id":1.5},{"id":2e3},{"id":null},{"id":"8"},{"id":[9]},{"id":1234567890123456789}]}`,
			make([]flat, 8),
		},
		{"ids", `{"new":[{"id":7,"id":42},{"id":123456789012345678 }]}`, []flat{{id: 42}, {id: 123456789012345678}}},
		{"escapes", `{"new":[{"scenario":"\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00"}]}`, []flat{{scenario: "\"\\/\b\f\n\r\té😀"}}},
		{"an escaped key", `{"\u006eew":[{"v\u0061lue":"a"}]}`, []flat{{value: "a"}}},
		{
			"surrogates without their other half",
			`{"new":[{"scope":"\ud800","type":"\ud800a","origin":"\udc00\ud800\u0041","scenario":"\ud800\ud83d\ude00"}]}`,
			[]flat{{scope: "�", typeOf: "�a", origin: "��A", scenario: "�😀"}},
		},
		{"bytes that are no UTF-8", "{\"new\":[{\"scope\":\"a\xff\xe2\x82b\"}]}", []flat{{scope: "a���b"}}},
		{"a duration with a micro sign", `{"deleted":[{"duration":"-12µs"}]}`, []flat{{section: Deleted, duration: "-12µs"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 64, bufferSize} {
				got, err := collect(small(strings.NewReader(tt.in), size).Stream())
				if err != nil {
					t.Fatalf("buffer of %d: %v", size, err)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("buffer of %d:\n got %+v\nwant %+v", size, got, tt.want)
				}
			}
		})
	}
}

func TestStreamErrors(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"an empty answer", ``, `byte 0: unexpected EOF`},
		{"white space alone", "\n\n", `byte 2: unexpected EOF`},
		{"HTML", `<!DOCTYPE html>`, `byte 0: '<' where an object should begin`},
		{"null", `null`, `byte 0: 'n' where an object should begin`},
		{"a list", `[]`, `byte 0: '[' where an object should begin`},
		{"cut behind a row", `{"new":[{}`, `byte 10: unexpected EOF`},
		{"cut in a string", `{"new":[{"value":"1.2`, `byte 21: unexpected EOF`},
		{"cut in an escape", `{"new":[{"value":"\u00`, `byte 22: unexpected EOF`},
		{"cut in a number", `{"new":[{"id":12`, `byte 16: unexpected EOF`},
		{"cut before the last bracket", `{"new":[],"deleted":[]`, `byte 22: unexpected EOF`},
		{"something behind", `{} {}`, `byte 3: '{' behind the end of the answer`},
		{"a comma too many", `{"new":[{},]}`, `byte 11: ']' where a decision should begin`},
		{"a comma too many in a decision", `{"new":[{"id":1,}]}`, `byte 16: '}' where a key should begin`},
		{"no comma", `{"new":[{}{}]}`, `byte 10: '{' where ',' or ']' should be`},
		{"no colon", `{"new" []}`, `byte 7: '[' where ':' should be`},
		{"a list that is a string", `{"new":"x"}`, `byte 7: '"' where a list or null should begin`},
		{"a decision that is null", `{"new":[null]}`, `byte 8: 'n' where a decision should begin`},
		{"a value that is a number", `{"new":[{"value":5}]}`, `byte 17: value is no string`},
		{"simulated is a string", `{"new":[{"simulated":"yes"}]}`, `byte 21: '"' where true or false should be`},
		{"new twice", `{"new":[],"new":[]}`, `byte 16: second "new"`},
		{"a control character", "{\"new\":[{\"value\":\"\n\"}]}", `byte 18: '\n' in a string`},
		{"an unknown escape", `{"x":"\x"}`, `byte 7: 'x' behind a backslash`},
		{"no hex digit", `{"x":"\u00g0"}`, `byte 10: 'g' in a \u escape`},
		{"a leading zero", `{"x":01}`, `byte 6: '1' where ',' or '}' should be`},
		{"a bare minus", `{"x":-}`, `byte 6: '}' where a value or digit should be`},
		{"no digit behind the point", `{"x":1.}`, `byte 7: '}' where a value or digit should be`},
		{"an id with no digit behind the point", `{"new":[{"id":7.}]}`, `byte 16: '}' where a value or digit should be`},
		{"no exponent", `{"x":1e+}`, `byte 8: '}' where a value or digit should be`},
		{"not quite null", `{"new":nul}`, `byte 10: '}' where null should go on`},
		{"nested beyond measure", `{"x":` + strings.Repeat("[", 1<<20), `byte 10004: nested more than 10000 deep`},
		{"a byte order mark", "\ufeff{}", `byte 0: 'ï' where an object should begin`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 64, bufferSize} {
				_, err := collect(small(strings.NewReader(tt.in), size).Stream())
				if err == nil || err.Error() != tt.want {
					t.Fatalf("buffer of %d: error %v, want %s", size, err, tt.want)
				}
			}
		})
	}
}

func TestList(t *testing.T) {
	for in, want := range map[string][]flat{
		`null`:                      nil,
		` [ ] `:                     nil,
		`[` + ban + `,` + ban + `]`: {flatBan, flatBan},
	} {
		d := NewDecoder()
		d.Reset(strings.NewReader(in))
		if got, err := collect(d.List()); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{``, `{}`, `nullnull`, `[null]`, `[{}`, `{"message":"no"}`} {
		if got, err := collect(small(strings.NewReader(in), 8).List()); err == nil {
			t.Errorf("%s: no error, but %+v", in, got)
		}
	}
}

func TestEveryCutIsAnError(t *testing.T) {
	whole := `{"new": [` + ban + `], "x": [1.5e3, "\u00e9", {"y": null}], "deleted": [` + ban + `]}`
	for i := range len(whole) {
		_, err := collect(small(strings.NewReader(whole[:i]), 5).Stream())
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

func TestReadErrorsComeThrough(t *testing.T) {
	reset := errors.New("connection reset")
	for name, in := range map[string]string{
		"in the midst of a decision": `{"new":[{"value":`,
		"behind a digit":             `{"x":1`,
		"behind the last bracket":    `{"new":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := collect(small(io.MultiReader(strings.NewReader(in), iotest.ErrReader(reset)), 4).Stream())
			if want := fmt.Sprintf("byte %d: connection reset", len(in)); !errors.Is(err, reset) || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
	t.Run("a body that its Content-Length says is cut", func(t *testing.T) {
		in := io.MultiReader(strings.NewReader(`{}`), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, err := collect(small(in, 4).Stream()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a reader that brings nothing for ever", func(t *testing.T) {
		if _, err := collect(small(lazy{}, 4).Stream()); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("error %v", err)
		}
	})
}

type lazy struct{}

func (lazy) Read([]byte) (int, error) { return 0, nil }

func TestBreakStopsReading(t *testing.T) {
	d := NewDecoder()
	d.Reset(strings.NewReader(`{"new":[{},{},garbage`))
	n := 0
	for _, err := range d.Stream() {
		if n++; err != nil || n > 1 {
			t.Fatalf("row %d, %v", n, err)
		}
		break
	}
}

func TestADecoderIsUsedAgainAfterAnError(t *testing.T) {
	d := NewDecoder()
	for range 2 {
		d.Reset(strings.NewReader(`{"new":[{"value":"1.`))
		if _, err := collect(d.Stream()); err == nil {
			t.Fatal("no error")
		}
		d.Reset(strings.NewReader(`{"new":[` + ban + `]}`))
		if got, err := collect(d.Stream()); err != nil || !slices.Equal(got, []flat{flatBan}) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

func TestLongStrings(t *testing.T) {
	exact := strings.Repeat("a", MaxString)
	tests := []struct {
		name, in string
		want     flat
	}{
		{"as long as may be", `"value":"` + exact + `"`, flat{value: exact}},
		{"a byte longer", `"value":"` + exact + `a"`, flat{value: exact, long: true}},
		{"a scenario is cut and no more", `"scenario":"` + exact + `a"`, flat{scenario: exact}},
		{"an escape at the end", `"type":"` + exact[1:] + `\n"`, flat{typeOf: exact[1:] + "\n"}},
		{"an escape beyond the end", `"type":"` + exact + `\n"`, flat{typeOf: exact, long: true}},
		{"cut before half a character", `"duration":"` + exact[1:] + `é"`, flat{duration: exact[1:], long: true}},
		{"a key is not cut to a known one", `"value` + strings.Repeat("\xc2", MaxString) + `":"x"`, flat{}},
		{"longer once it is valid", `"scenario":"` + exact[2:] + "\xff\"", flat{scenario: exact[2:]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 100, bufferSize} {
				got, err := collect(small(strings.NewReader(`{"new":[{`+tt.in+`}]}`), size).Stream())
				if err != nil || len(got) != 1 || got[0] != tt.want {
					t.Errorf("buffer of %d: %+v, %v", size, got, err)
				}
			}
		})
	}
}

// endless repeats a byte.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestMemoryStaysConstant(t *testing.T) {
	const size = 8 << 20
	many := func(s string) io.Reader { return strings.NewReader(strings.Repeat(s, 1<<16)) }
	for name, in := range map[string]io.Reader{
		"one endless string":         io.MultiReader(strings.NewReader(`{"new":[{"value":"`), io.LimitReader(endless('a'), size)),
		"one endless unknown string": io.MultiReader(strings.NewReader(`{"x":"`), io.LimitReader(endless('a'), size)),
		"one endless key":            io.MultiReader(strings.NewReader(`{"`), io.LimitReader(endless('a'), size)),
		"one endless number":         io.MultiReader(strings.NewReader(`{"x":`), io.LimitReader(endless('1'), size)),
		"endless white space":        io.MultiReader(strings.NewReader(`{}`), io.LimitReader(endless(' '), size)),
		"endless escapes":            io.MultiReader(strings.NewReader(`{"x":"`), many(`\u00e9\n`)),
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder()
			d.Reset(in)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = collect(d.Stream())
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}

func TestSharedStringsAreBounded(t *testing.T) {
	var m interner
	for i := range 3 * 4096 {
		s := fmt.Sprint("scenario", i)
		if got := m.get([]byte(s)); got != s {
			t.Fatalf("%s became %s", s, got)
		}
		if len(m) > 4096 {
			t.Fatalf("%d strings held", len(m))
		}
	}
}

func TestRowsCostNoAllocation(t *testing.T) {
	in := answer(10_000)
	r := bytes.NewReader(in)
	d := NewDecoder()
	run := func() {
		r.Reset(in)
		d.Reset(r)
		for _, err := range d.Stream() {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	run()
	// The iterator itself is the handful.
	if n := testing.AllocsPerRun(5, run); n > 8 {
		t.Errorf("%v allocations for 10,000 rows", n)
	}
}

// answer returns a startup answer of n decisions in the shape of 1.7.8.
func answer(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"new": [`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		writeRow(&b, i)
	}
	b.WriteString(`], "deleted": []}`)
	return b.Bytes()
}

func writeRow(b *bytes.Buffer, i int) {
	scenarios := [...]string{"crowdsecurity/ssh-bf", "crowdsecurity/http-probing", "crowdsecurity/http-bad-user-agent"}
	fmt.Fprintf(b, `{"duration":"%dh%dm%ds","id":%d,"origin":"CAPI","scenario":"%s","scope":"Ip","type":"ban",`+
		`"uuid":"82180606-73b0-4dd3-8f9f-7c9b5c519cd4","value":"%d.%d.%d.%d"}`,
		i%160, i%60, i*7%60, i, scenarios[i%len(scenarios)], 1+i>>24, i>>16&255, i>>8&255, i&255)
}
