// Package search answers one question: which of many literals and regular expressions are in
// a text? The cost for each byte is limited, whatever the text is. Scenarios and rules check
// each request against hundreds of them, and clients can send any text.
package search
