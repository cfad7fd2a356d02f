package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/stile-id/stile/server/app/rulebook"
)

// groups are the headings of codes, by the letter.
func groups() map[byte]string {
	return map[byte]string{'A': "Assurance: what a flow proves", 'C': "Settings and clients", 'D': "Data: what is read and declared", 'F': "Form: how a flow is written",
		'G': "Graph: where outcomes lead", 'H': "Hooks: what scripts may do", 'R': "Rehearsal: test files", 'T': "Themes and words"}
}

// problemPages is the page of codes, made from their archives and from what a check says of them.
func problemPages() ([]byte, error) {
	pages, err := rulebook.Pages()
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	out.WriteString("# Problems\n\nWhat `stile check` and `stile test` tell, by code; `stile explain CODE` prints the same. Errors refuse a text, warnings do so under `--strict`, notes say what cannot be known.\n")
	letter := byte(0)
	for _, p := range pages {
		if l := p.Code[len("STILE-")]; l != letter {
			letter = l
			if groups()[l] == "" {
				return nil, fmt.Errorf("%s belongs to no group", p.Code)
			}
			fmt.Fprintf(&out, "\n# %s\n", groups()[l])
		}
		text, err := p.Markdown(context.Background())
		if err != nil {
			return nil, err
		}
		out.WriteString("\n" + text)
	}
	return []byte(out.String()), nil
}
