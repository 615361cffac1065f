//! Build files made of a database of compile commands.

use std::fs;

use crate::project::Project;

#[test]
fn the_commands_of_a_database_are_built_and_follow_their_headers() {
    // As cmake writes it: a line for the shell, or words, with or without an output.
    let project = Project::in_c();
    fs::remove_file(project.path("build.toml")).unwrap();
    let (folder, file) = (project.folder().display(), project.path("say.c"));
    let file = file.display();
    fs::create_dir(project.path("out")).unwrap();
    let database = format!(
        r#"[{{"directory": "{folder}/out", "file": "../main.c", "output": "sub/main.o",
              "command": "gcc -DX=\\\"y\\\" -c ../main.c -o sub/main.o"}},
            {{"directory": "{folder}", "file": "{file}",
              "arguments": ["gcc", "-c", "{file}", "-o", "say.o"]}}]"#
    );
    project.write("compile_commands.json", &database);
    let import = ["import", "--compile-commands", "compile_commands.json"];
    let more = ["--archive", "libsay.a", "-o", "build.toml"];
    let imported = project.run(&[&import[..], &more].concat());
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(project.build(&[]).ran, 3);
    let archive = fs::read(project.path("libsay.a")).unwrap();
    assert!(archive.starts_with(b"!<arch>"));
    assert_eq!(project.build(&[]).ran, 0);
    project.write("say.h", &project.read("say.h").replace("hello", "bye"));
    assert!(project.build(&[]).ran >= 2);
}

#[test]
fn a_database_that_is_none_is_told() {
    // Bad input.
    let project = Project::in_c();
    for (database, why) in [
        ("[", "db.json: this is no database of compile commands"),
        (
            r#"[{"directory": "/", "file": "a.c", "command": "gcc -c a.c"}]"#,
            "the command for a.c has no output",
        ),
        (
            r#"[{"directory": "/", "file": "a.c", "command": "gcc 'a"}]"#,
            "the command for a.c has a quote that is not closed",
        ),
    ] {
        fs::write(project.path("db.json"), database).unwrap();
        let output = project.run(&["import", "--compile-commands", "db.json", "-o", "x.toml"]);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why), "{said}");
        assert!(!project.path("x.toml").exists());
    }
}
