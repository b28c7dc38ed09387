package filter

import (
	"unicode"
	"unicode/utf8"
)

// next returns the first token of text and what follows it; nil if text has no
// token any more. It does not allocate: the case of the token is that of the
// text, which sameToken overlooks.
func (p TextParams) next(text []byte) (token, rest []byte) {
	for {
		token, rest = p.cut(text)
		if len(token) == 0 || p.keeps(token) {
			return token, rest
		}
		text = rest
	}
}

// cut is next before tokens are dropped for their length.
func (p TextParams) cut(text []byte) (token, rest []byte) {
	isPart := isWordRune
	if p.Tokenizer == Whitespace {
		isPart = isNoSpace
	}
	start := scan(text, func(r rune) bool { return !isPart(r) })
	end := start + scan(text[start:], isPart)
	return text[start:end], text[end:]
}

// scan returns the length of the longest beginning of text of which all runes
// satisfy is.
func scan(text []byte, is func(rune) bool) int {
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		if !is(r) {
			return i
		}
		i += size
	}
	return len(text)
}

func isNoSpace(r rune) bool { return !unicode.IsSpace(r) }

// isWordRune reports whether r is alphabetic or numeric, marks that are part of
// letters included.
func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Other_Alphabetic, r)
}

// keeps reports whether a token has a length that is wanted.
func (p TextParams) keeps(token []byte) bool {
	if p.MinTokenLen <= 1 && p.MaxTokenLen == 0 {
		return true
	}
	n := utf8.RuneCount(token)
	return n >= p.MinTokenLen && (p.MaxTokenLen == 0 || n <= p.MaxTokenLen)
}

// tokens returns all tokens of a text as sameToken wants them.
func (p TextParams) tokens(text string) [][]rune {
	var list [][]rune
	token, rest := p.next([]byte(text))
	for len(token) > 0 {
		runes := []rune(string(token))
		if !p.KeepCase {
			for i, r := range runes {
				runes[i] = unicode.ToLower(r)
			}
		}
		list = append(list, runes)
		token, rest = p.next(rest)
	}
	return list
}

// sameToken reports whether a token of a payload is one of those of tokens.
func (p TextParams) sameToken(token []byte, want []rune) bool {
	for _, w := range want {
		if len(token) == 0 {
			return false
		}
		r, size := utf8.DecodeRune(token)
		if !p.KeepCase {
			r = unicode.ToLower(r)
		}
		if r != w {
			return false
		}
		token = token[size:]
	}
	return len(token) == 0
}

// has reports whether text has a token.
func (p TextParams) has(text []byte, want []rune) bool {
	token, rest := p.next(text)
	for len(token) > 0 {
		if p.sameToken(token, want) {
			return true
		}
		token, rest = p.next(rest)
	}
	return false
}

// begins reports whether the first tokens of text are these.
func (p TextParams) begins(text []byte, want [][]rune) bool {
	for _, w := range want {
		token, rest := p.next(text)
		if len(token) == 0 || !p.sameToken(token, w) {
			return false
		}
		text = rest
	}
	return true
}
