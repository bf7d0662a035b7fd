// Package bench measures package waf beside another engine with the same rules. It is a
// module of its own, so that the product does not depend on that engine:
//
//	cd waf/bench && TOCSIN_WAF_SUITE=… go test -bench .
package bench
