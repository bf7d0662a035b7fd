package waf

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// gjsonArgs makes arguments of JSON as CrowdSec's engine does, by gjson.
func gjsonArgs(body string) map[string]string {
	if !gjson.Valid(body) {
		return nil
	}
	all := map[string]string{}
	if gjsonItems(gjson.Parse(body), "json", 1024, all) != nil {
		return nil
	}
	return all
}

func gjsonItems(v gjson.Result, name string, left int, all map[string]string) (err error) {
	if left == 0 {
		return errors.New("too deep")
	}
	n := 0
	v.ForEach(func(key, value gjson.Result) bool {
		own := name + "." + key.Str
		if key.Type != gjson.String {
			own = name + "." + strconv.Itoa(n)
			n++
		}
		switch value.Type {
		case gjson.JSON:
			err = gjsonItems(value, own, left-1, all)
		case gjson.String:
			all[own] = value.Str
		case gjson.Null:
			all[own] = ""
		default:
			all[own] = value.Raw
		}
		return err == nil
	})
	if n > 0 {
		all[name] = strconv.Itoa(n)
	}
	return err
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+3,true,null,"x"],"b":{}}`, `"alone"`, `[]`, ` [ [ ] , {"a" : "b"} ] `, `{"a":1,"a":2,"A":3}`, `{"\ud83d\ude00\ud83d\u0041\udc00":"\u0000\/"}`,
		"{\"\xff\":\"\xfe\"}", `01`, `1.`, `-`, `[1,]`, `{"a":1,}`, `{,}`, `nul`, `nullx`, "\"\x1f\"", `"\x"`, `{"a.b":1,"a":{"b":2}}`, `[1][2]`, "\ufeff{}", `{"a" "b"}`, `1e`, `"\u12"`,
		strings.Repeat("[", 1024) + strings.Repeat("]", 1024), strings.Repeat("[", 1025) + strings.Repeat("]", 1025),
	} {
		f.Add(s)
	}
	rules := compiled(f, bodyRules)
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 4<<10 {
			return
		}
		got, over := jsonArgs(rules, body)
		want := gjsonArgs(body)
		if !over && !maps.Equal(got, want) {
			t.Errorf("%q is %q, want %q", body, got, want)
		}
	})
}

const bodyRules = "name: all\nrules:\n- zones: [BODY_ARGS, RAW_BODY, FILENAMES]\n  match: {type: regex, value: '^.*$'}\n"

// jsonArgs returns what is read of JSON, nil if it is not valid, and whether it is too much.
func jsonArgs(rules *Rules, body string) (args map[string]string, over bool) {
	in := rules.Head(&Request{Method: "POST", Target: "/", Header: map[string][]string{"Content-Type": {"application/json"}}, HasBody: true})
	defer in.Close()
	in.Body([]byte(body))
	if raw := in.values(zoneRawBody)[0].value; len(raw) == 0 {
		return nil, in.Over()
	}
	args = map[string]string{}
	for _, p := range in.values(zoneBodyArgs) {
		args[string(p.name)] = string(p.value)
	}
	return args, in.Over()
}

func TestJSON(t *testing.T) {
	rules := compiled(t, bodyRules)
	for body, want := range map[string]map[string]string{
		`{"a":{"b":[true,"x"]}}`:      {"json.a.b.0": "true", "json.a.b.1": "x", "json.a.b": "2"},
		`[null]`:                      {"json.0": "", "json": "1"},
		`7`:                           {"json.0": "7", "json": "1"},
		`{"a":1,"b":2,"a":3}`:         {"json.a": "3", "json.b": "2"},
		`{"a.b":1,"a":{"b":2}}`:       {"json.a.b": "2"},
		`{"\u0061":"\ud83d\ude00\n"}`: {"json.a": "\U0001f600\n"},
		"{\"\xff\":1}":                {"json.\xff": "1"},
		`{"a":{}}`:                    {},
		`{"a":1} x`:                   nil,
		`{"a":.5}`:                    nil,
	} {
		if got, _ := jsonArgs(rules, body); !maps.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s is %q, want %q", body, got, want)
		}
	}
}

// Names above a value are part of its own, so that names may take far more room than the
// body: 16,000 values below 60 kB of names.
func TestNamesInJSONAreBounded(t *testing.T) {
	rules := compiled(t, bodyRules)
	key := `{"` + strings.Repeat("k", 60<<10) + `":[`
	in := rules.Head(&Request{Method: "POST", Target: "/", Header: map[string][]string{"Content-Type": {"application/json"}}, HasBody: true})
	defer in.Close()
	in.Body([]byte(key + strings.TrimSuffix(strings.Repeat("1,", 16_000), ",") + "]}"))
	values := in.values(zoneBodyArgs)
	if len(values) < 16_000 || !in.Over() {
		t.Errorf("%d values, over: %v", len(values), in.Over())
	}
	if n := cap(in.room.bytes); n > 4<<20 {
		t.Errorf("%d bytes", n)
	}
	if i := slices.IndexFunc(values, func(p pair) bool { return p.name == nil }); i < 4 || i > 9 {
		t.Errorf("value %d is the first without a name", i)
	}
}
