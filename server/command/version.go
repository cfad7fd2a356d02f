package command

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func version(s streams) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Say which version this is", Args: cobra.NoArgs,
		Long: "Prints the version of the module, the revision it was built from where that is known, and what built it.",
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(s.out, about())
			return nil
		}}
}

// about is one line on this program, from what the Go linker wrote into it.
func about() string {
	number, built := "(unknown)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			number = info.Main.Version
		}
		for _, x := range info.Settings {
			switch {
			case x.Key == "vcs.revision":
				built = ", revision " + x.Value[:min(12, len(x.Value))]
			case x.Key == "vcs.modified" && x.Value == "true":
				built += " with changes"
			}
		}
	}
	return fmt.Sprintf("stile %s (%s %s/%s%s)", number, runtime.Version(), runtime.GOOS, runtime.GOARCH, built)
}
