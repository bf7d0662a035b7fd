package lapi

import (
	"fmt"
	"strings"
)

// A Scope is a kind of target of decisions, as CrowdSec names it.
type Scope string

// The scopes that tocsin enforces.
const (
	ScopeIP      Scope = "ip"
	ScopeRange   Scope = "range"
	ScopeCountry Scope = "country"
	ScopeAS      Scope = "as"
)

// ParseScope returns the scope that s names: ip, range, country or as.
func ParseScope(s string) (Scope, error) {
	switch scope := Scope(s); scope {
	case ScopeIP, ScopeRange, ScopeCountry, ScopeAS:
		return scope, nil
	}
	return "", fmt.Errorf("unknown scope %.64q: want ip, range, country or as", s)
}

// A ContextField is an optional field of a request in the reports.
type ContextField string

// The optional fields.
const (
	ContextQuery ContextField = "query"
	ContextHost  ContextField = "host"
)

// ParseContextField returns the field that s names: query or host.
func ParseContextField(s string) (ContextField, error) {
	switch field := ContextField(s); field {
	case ContextQuery, ContextHost:
		return field, nil
	}
	return "", fmt.Errorf("unknown context %.64q: want query or host", s)
}

// checkNames returns the error of parse for the first of names that it does not know.
func checkNames[T ~string](names []T, parse func(string) (T, error)) error {
	for _, name := range names {
		if _, err := parse(string(name)); err != nil {
			return err
		}
	}
	return nil
}

// joinNames returns names separated by commas, as the API expects them.
func joinNames[T ~string](names []T) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(name))
	}
	return b.String()
}
