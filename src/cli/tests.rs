use clap::{Command, CommandFactory as _};

use super::Cli;

fn commands() -> Vec<Command> {
    let mut cli = Cli::command();
    cli.build();
    cli.get_subcommands().filter(|command| command.get_name() != "help").cloned().collect()
}

/// No two options collide, those of thresholds among them: clap looks for that itself.
#[test]
fn the_command_line_makes_sense() {
    Cli::command().debug_assert();
}

/// `-h` is read to find an option: each has a line, on a terminal of 100 columns, too.
#[test]
fn short_help_has_a_line_for_each_option() {
    for mut command in commands() {
        let options = command.get_arguments().filter(|arg| !arg.is_hide_set()).count();
        let help = command.clone().term_width(100).render_help().to_string();
        let name = command.get_name().to_owned();
        let lines = help.lines().filter(|line| line.starts_with("  ")).count();
        assert_eq!(lines, options, "{name}:\n{help}");
        assert!(command.render_long_help().to_string().len() >= help.len(), "{name}");
    }
}

/// What is typed most often stands first, help last, and those who run it in scripts are told its exit codes.
#[test]
fn long_help_is_grouped_and_ends_with_examples_and_exit_codes() {
    for mut command in commands() {
        let name = command.get_name().to_owned();
        if !["analyze", "merge", "compare", "query", "trace", "convert"].contains(&name.as_str()) {
            continue;
        }
        let help = command.render_long_help().to_string();
        let place = |what: &str| help.find(what).unwrap_or_else(|| panic!("{name} has no {what}:\n{help}"));
        let places = ["\nArguments:", "\nResults:", "\nOther:", "\nExamples:", "\nExit codes:"].map(place);
        assert!(places.is_sorted(), "{name}:\n{help}");
        assert!(!help.contains("\nOptions:"), "{name} has options without a group:\n{help}");
        let what_is_typed_alone = help.rfind("\n  <").unwrap_or(0);
        assert!(what_is_typed_alone < place("\nResults:"), "{name} has arguments among its options:\n{help}");
    }
}

/// The examples of help are commands that there are, with options that they have.
#[test]
fn examples_can_be_typed() {
    let mut typed = 0;
    let helps = commands().into_iter().map(|mut command| command.render_long_help().to_string());
    for help in helps.chain([Cli::command().render_long_help().to_string()]) {
        for line in help.lines().filter_map(|line| line.strip_prefix("    tracescan ")) {
            let line = line.split(" > ").next().unwrap_or_default();
            let words = split_as_a_shell_does(line);
            let parsed = Cli::command().try_get_matches_from(["tracescan".to_owned()].into_iter().chain(words));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            typed += 1;
        }
    }
    assert!(typed > 10, "only {typed} examples");
}

fn split_as_a_shell_does(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
