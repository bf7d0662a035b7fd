package detect

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// An exprEvent is the variable evt in expressions.
type exprEvent struct {
	Meta, Parsed map[string]string
	Line         exprLine

	view *view
}

// SetMeta sets a key in evt.Meta for the scenarios that follow. It returns true.
func (e *exprEvent) SetMeta(key, value string) bool {
	e.view.setMeta(key, value)
	return true
}

// exprEnv is the environment of expressions.
type exprEnv struct {
	Evt *exprEvent `expr:"evt"`
}

// A helper is a function that expressions may call. The helpers are those of CrowdSec whose
// result depends only on their arguments: none of them uses the network, a database or the
// clock.
type helper struct {
	call func(args ...any) (any, error)
	sign any // a func of the call's type; nil if any arguments are allowed
}

// pure are the helpers that use nothing but their arguments.
var pure = map[string]helper{
	"Upper":         text1(strings.ToUpper),
	"Lower":         text1(strings.ToLower),
	"TrimSpace":     text1(strings.TrimSpace),
	"PathUnescape":  text1(pathUnescape),
	"QueryUnescape": text1(queryUnescape),
	"PathEscape":    text1(url.PathEscape),
	"QueryEscape":   text1(url.QueryEscape),
	"Trim":          text2(strings.Trim),
	"TrimLeft":      text2(strings.TrimLeft),
	"TrimRight":     text2(strings.TrimRight),
	"TrimPrefix":    text2(strings.TrimPrefix),
	"TrimSuffix":    text2(strings.TrimSuffix),
	"JsonExtract":   text2(jsonExtract),
	"IpToRange":     text2(ipToRange),
	"Fields":        of(func(a ...any) any { return strings.Fields(a[0].(string)) }, new(func(string) []string)),
	"Index":         of(func(a ...any) any { return strings.Index(a[0].(string), a[1].(string)) }, new(func(string, string) int)),
	"IndexAny":      of(func(a ...any) any { return strings.IndexAny(a[0].(string), a[1].(string)) }, new(func(string, string) int)),
	"Split":         of(func(a ...any) any { return strings.Split(a[0].(string), a[1].(string)) }, new(func(string, string) []string)),
	"SplitAfter":    of(func(a ...any) any { return strings.SplitAfter(a[0].(string), a[1].(string)) }, new(func(string, string) []string)),
	"SplitN": of(func(a ...any) any {
		return strings.SplitN(a[0].(string), a[1].(string), a[2].(int))
	}, new(func(string, string, int) []string)),
	"SplitAfterN": of(func(a ...any) any {
		return strings.SplitAfterN(a[0].(string), a[1].(string), a[2].(int))
	}, new(func(string, string, int) []string)),
	"Get":       of(func(a ...any) any { return elementOf(a[0].([]string), a[1].(int)) }, new(func([]string, int) string)),
	"Atof":      of(func(a ...any) any { return atof(a[0].(string)) }, new(func(string) float64)),
	"IsIP":      of(func(a ...any) any { return isIP(a[0].(string), netip.Addr.IsValid) }, new(func(string) bool)),
	"IsIPV4":    of(func(a ...any) any { return isIP(a[0].(string), isIPv4) }, new(func(string) bool)),
	"IsIPV6":    of(func(a ...any) any { return isIP(a[0].(string), isIPv6) }, new(func(string) bool)),
	"IpInRange": of(func(a ...any) any { return ipInRange(a[0].(string), a[1].(string)) }, new(func(string, string) bool)),
	"ParseUri":  of(func(a ...any) any { return parseURI(a[0].(string)) }, new(func(string) map[string][]string)),
	"Match": failing(func(a ...any) (any, error) {
		return globMatch(a[0].(string), a[1].(string))
	}, new(func(string, string) bool)),
	"LibInjectionIsSQLI": of(func(a ...any) any { return isSQLInjection(a[0].(string)) }, new(func(string) bool)),
	"LibInjectionIsXSS":  of(func(a ...any) any { return isXSS(a[0].(string)) }, new(func(string) bool)),
	"B64Decode":          failing(func(a ...any) (any, error) { return b64Decode(a[0].(string)) }, new(func(string) string)),
	"Sprintf":            failing(func(a ...any) (any, error) { return sprintf(a[0].(string), a[1:]) }, new(func(string, ...any) string)),
	"ReplaceAll": failing(func(a ...any) (any, error) {
		return replace(a[0].(string), a[1].(string), a[2].(string), -1)
	}, new(func(string, string, string) string)),
	"Replace": failing(func(a ...any) (any, error) {
		return replace(a[0].(string), a[1].(string), a[2].(string), a[3].(int))
	}, new(func(string, string, string, int) string)),
	"Join":                failing(func(a ...any) (any, error) { return joinTexts(a[0].([]string), a[1].(string)) }, new(func([]string, string) string)),
	"ParseQuery":          of(func(a ...any) any { return parseQuery(a[0].(string)) }, new(func(string) url.Values)),
	"ExtractQueryParam":   of(func(a ...any) any { return queryParam(a[0].(string), a[1].(string)) }, new(func(string, string) []string)),
	"ToString":            of(func(a ...any) any { s, _ := a[0].(string); return s }, new(func(any) string)),
	"KeyExists":           of(func(a ...any) any { _, ok := a[1].(map[string]any)[a[0].(string)]; return ok }, new(func(string, map[string]any) bool)),
	"FloatApproxEqual":    of(func(a ...any) any { return math.Abs(a[0].(float64)-a[1].(float64)) < 1e-6 }, new(func(float64, float64) bool)),
	"JsonExtractUnescape": of(func(a ...any) any { return jsonText(a[0].(string), a[1].(string)) }, new(func(string, ...string) string)), // further arguments are ignored, as in CrowdSec
	"JsonExtractSlice":    of(func(a ...any) any { return jsonValue[[]any](a[0].(string), a[1].(string)) }, new(func(string, string) []any)),
	"JsonExtractObject":   of(func(a ...any) any { return jsonValue[map[string]any](a[0].(string), a[1].(string)) }, new(func(string, string) map[string]any)),
	"ToJsonString":        of(func(a ...any) any { return toJSON(a[0]) }, new(func(any) string)),
	"Flatten":             of(func(a ...any) any { return flatten(nil, reflect.ValueOf(a)) }, nil),
	"Distinct":            of(func(a ...any) any { return distinctOf(a[0]) }, nil),
	"FlattenDistinct":     of(func(a ...any) any { return distinctOf(flatten(nil, reflect.ValueOf(a))) }, nil),
}

func of(f func(args ...any) any, sign any) helper {
	return helper{func(args ...any) (any, error) { return f(args...), nil }, sign}
}

func failing(f func(args ...any) (any, error), sign any) helper { return helper{f, sign} }

func text1(f func(string) string) helper {
	return of(func(a ...any) any { return f(a[0].(string)) }, new(func(string) string))
}

func text2(f func(a, b string) string) helper {
	return of(func(a ...any) any { return f(a[0].(string), a[1].(string)) }, new(func(string, string) string))
}

func pathUnescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

func queryUnescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func elementOf(a []string, i int) string {
	if i < 0 || i >= len(a) {
		return ""
	}
	return a[i]
}

func atof(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64) // text that is not a number counts as 0, as in CrowdSec
	return f
}

func isIP(s string, kind func(netip.Addr) bool) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Zone() == "" && kind(ip)
}

func isIPv4(ip netip.Addr) bool { return ip.Unmap().Is4() }

func isIPv6(ip netip.Addr) bool { return !isIPv4(ip) }

func ipInRange(s, cidr string) bool {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return false
	}
	p, err := netip.ParsePrefix(cidr)
	return err == nil && p.Masked().Contains(ip.Unmap())
}

func ipToRange(s, bits string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	n, err := strconv.Atoi(strings.TrimPrefix(bits, "/"))
	if err != nil {
		return ""
	}
	p, err := ip.Prefix(n)
	if err != nil {
		return ""
	}
	return p.String()
}

func parseURI(uri string) map[string][]string {
	u, err := url.Parse(uri)
	if err != nil {
		return map[string][]string{}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return map[string][]string{}
	}
	return query
}

// options returns the options with which the interpreter parses an expression.
func (l *lists) options() []expr.Option {
	options := []expr.Option{expr.Env(exprEnv{})}
	for name, h := range pure {
		options = append(options, h.option(name))
	}
	for name, h := range l.helpers() {
		options = append(options, h.option(name))
	}
	return options
}

func (h helper) option(name string) expr.Option {
	if h.sign == nil {
		return expr.Function(name, h.call)
	}
	return expr.Function(name, h.call, h.sign)
}

// known reports whether expressions may call a function with this name.
func (l *lists) known(name string) bool {
	_, ok := pure[name]
	if !ok {
		_, ok = l.helpers()[name]
	}
	return ok
}

// interpret returns a condition that the interpreter evaluates. This is slow: each time
// takes some microseconds and several allocations.
func interpret(p *vm.Program) func(*view) bool {
	return func(v *view) bool {
		result, err := v.run(p)
		ok, is := result.(bool)
		if err != nil || !is {
			v.failed = true
			return false
		}
		return ok
	}
}

// interpretText is interpret for texts. A result that is not a text counts as empty.
func interpretText(p *vm.Program) func(*view) string {
	return func(v *view) string {
		result, err := v.run(p)
		if err != nil {
			v.failed = true
			return ""
		}
		s, _ := result.(string)
		return s
	}
}

func (v *view) run(p *vm.Program) (any, error) {
	machine, _ := v.prog.machines.Get().(*vm.VM)
	if machine == nil {
		machine = new(vm.VM)
	}
	defer v.prog.machines.Put(machine)
	return machine.Run(p, exprEnv{v.environment().withLine()})
}

// parse parses an expression with a result of this kind. Invalid means any kind.
func (l *lists) parse(source string, kind reflect.Kind) (*vm.Program, error) {
	options := l.options()
	if kind != reflect.Invalid {
		options = append(options, expr.AsKind(kind))
	}
	p, err := expr.Compile(source, options...)
	if err != nil {
		return nil, fmt.Errorf("reading the expression: %w", err)
	}
	return p, nil
}
