//! The pictures as images, to be looked at: `target/artefacts/graph/`.
//!
//! Images are made by `dot` and `rsvg-convert`. Where one of them is missing, that is said and its images are skipped;
//! with `NESTNS_REQUIRE`, as in CI, it is a failure.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{HOSTILE, SHOP, drawn};
use crate::harness::example;
use crate::harness::requirement::{installed, require};

/// An empty page with a line of text has fewer.
const FEW_COLOURS: usize = 40;

/// The pictures of a tree, by its name.
struct Pictures {
    name: &'static str,
    dot: String,
    svg: String,
    mermaid: String,
}

fn directory() -> PathBuf {
    // Cargo tags the target directory, and that of an architecture in it.
    let is_tagged = |directory: &&Path| directory.join("CACHEDIR.TAG").exists();
    let around = Path::new(env!("CARGO_TARGET_TMPDIR")).ancestors().skip(1);
    let target = around.take_while(is_tagged).last().expect("cargo made it");
    let directory = target.join("artefacts/graph");
    fs::create_dir_all(&directory).expect("we may write there");
    directory
}

fn of_file(name: &'static str, text: &str) -> Pictures {
    let draw = |format| drawn(text, &["--format", format]);
    Pictures {
        name,
        dot: draw("dot"),
        svg: draw("svg"),
        mermaid: draw("mermaid"),
    }
}

fn pictures() -> Vec<Pictures> {
    let examples = ["hello", "chain", "pod", "dind"];
    let mut pictures: Vec<_> = examples
        .map(|name| of_file(name, &example::text(&format!("{name}.toml"))))
        .into();
    pictures.push(of_file("hostile", HOSTILE));
    pictures.push(of_file("shop", SHOP));
    pictures.push(of_file("waiting", WAITING));
    pictures.push(of_file("thirty", &thirty()));
    pictures.push(of_file("deep", &deep()));
    pictures.push(of_file("thousand", THOUSAND));
    let whole = drawn(THOUSAND, &["--format", "svg", "--no-fold"]);
    fs::write(directory().join("thousand-whole.svg"), whole).expect("we may write there");
    pictures
}

/// Thirty services beside each other, no two alike.
fn thirty() -> String {
    let names = "api auth billing cache cart catalog cdn chat cron db dns edge events feed gateway geo graph images \
                 index jobs kafka ledger logs mail maps metrics orders pay search users";
    let mut text = "name = \"thirty\"\n[ns.services]\nproc.hub = { actor = \"idle\" }\n".to_owned();
    for (place, name) in names.split(' ').enumerate() {
        writeln!(text, "[ns.\"services/{name}\"]").unwrap();
        for process in ["main", "proxy", "log"].iter().take(place % 4) {
            writeln!(text, "proc.{process} = {{ actor = \"serve\" }}").unwrap();
        }
    }
    text
}

/// A chain of the greatest depth that the kernel allows.
fn deep() -> String {
    let mut text = "name = \"deep\"\n".to_owned();
    let mut path = String::new();
    for level in 1..=32 {
        write!(path, "{}l{level}", if level > 1 { "/" } else { "" }).unwrap();
        writeln!(text, "[ns.\"{path}\"]").unwrap();
    }
    text
}

/// A thousand replicas, each with a pod of two.
const THOUSAND: &str = r#"
name = "thousand"
description = "A thousand workers of one kind"
[ns.wide]
proc.hub = { actor = "serve" }
[ns."wide/w"]
count = 1000
proc.serve = { actor = "serve" }
proc.log = { actor = "serve" }
"#;

/// Dependencies of every kind: between processes, namespaces and PID 1s, outward, inward and between replicas.
const WAITING: &str = r#"
name = "waiting"
[ns.node]
proc.kubelet = { actor = "serve" }
proc.flannel = { actor = "serve", after = { kubelet = "ready" } }
proc.proxy = { actor = "serve", after = { kubelet = "ready", flannel = "started" } }
proc.dns = { actor = "serve", after = { flannel = "ready" } }
proc.log = { actor = "serve", after = { kubelet = "ready" } }
[ns."node/store"]
init = { actor = "serve" }
after = { "../kubelet" = "ready" }
[ns."node/store/inner"]
proc.a = { actor = "idle", after = { "/node/dns" = "ready" } }
[ns."node/web"]
after = { store = "ready" }
proc.app = { actor = "serve", after = { "../store/init" = "ready" } }
proc.cron = { actor = "serve", after = { app = "ready", "../store/inner/a" = "started" } }
[ns."node/w"]
count = 6
after = { web = "ready" }
proc.job = { actor = "serve", after = { "../web/app" = "ready" } }
[ns.other]
proc.x = { actor = "idle", after = { "../node/web/cron" = "ready", "/other" = "started" } }
[ns.third]
after = { node = "ready" }
[ns.third.init]
actor = "serve"
after = { "../other/x" = "started" }
"#;

/// The colours of an image and how often each occurs, and its width and height.
fn colours(path: &Path) -> (BTreeMap<[u8; 3], usize>, u32, u32) {
    let file = std::io::BufReader::new(fs::File::open(path).expect("it was drawn"));
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("it is an image");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it fits into memory")];
    let info = reader.next_frame(&mut pixels).expect("it is whole");
    let mut colours = BTreeMap::new();
    for pixel in pixels[..info.buffer_size()].chunks_exact(info.color_type.samples()) {
        *colours.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
    }
    (colours, info.width, info.height)
}

/// The number in an attribute of the first line.
fn attribute(svg: &str, name: &str) -> u32 {
    let (_, value) = svg.split_once(&format!(" {name}=\"")).expect("it has one");
    value
        .split('"')
        .next()
        .expect("it ends")
        .parse()
        .expect("it is a number")
}

/// A picture as on a dark page: the rules of its media query applied always.
fn dark(svg: &str) -> String {
    svg.replacen("@media (prefers-color-scheme:dark){\n", "", 1)
        .replacen("\n}\n", "\n", 1)
}

fn convert(svg: &str, path: &Path) {
    let source = path.with_extension("svg");
    fs::write(&source, svg).expect("we may write there");
    let status = Command::new("rsvg-convert")
        .arg("--unlimited")
        .arg(&source)
        .arg("-o")
        .arg(path)
        .status();
    assert!(
        status.expect("it was there").success(),
        "{}",
        path.display()
    );
}

#[test]
fn svg_pictures_are_legible_on_light_and_dark_pages() {
    require!(installed("rsvg-convert"));
    for Pictures { name, svg, .. } in pictures() {
        for (ending, svg, page, ink) in [
            ("", svg.clone(), [0xff; 3], [0x1f, 0x23, 0x28]),
            ("-dark", dark(&svg), [0x0d, 0x11, 0x17], [0xe6, 0xed, 0xf3]),
        ] {
            let path = directory().join(format!("{name}{ending}.png"));
            convert(&svg, &path);
            let (colours, width, height) = colours(&path);
            assert_eq!(
                (width, height),
                (attribute(&svg, "width"), attribute(&svg, "height")),
                "{name}"
            );
            assert!(
                colours.len() > FEW_COLOURS,
                "{name}: {} colours",
                colours.len()
            );
            assert!(colours[&page] > 1000, "{name}: the page has its colour");
            assert!(
                colours.get(&ink).is_some_and(|&pixels| pixels > 100),
                "{name}: there is text"
            );
        }
    }
}

#[test]
fn graphviz_accepts_the_dot_output() {
    require!(installed("dot"));
    for Pictures {
        name, dot, mermaid, ..
    } in pictures()
    {
        let source = directory().join(format!("{name}.dot"));
        fs::write(&source, &dot).expect("we may write there");
        fs::write(source.with_extension("mmd"), mermaid).expect("we may write there");
        for format in ["svg", "png"] {
            let path = directory().join(format!("{name}.dot.{format}"));
            let output = Command::new("dot")
                .arg(format!("-T{format}"))
                .arg(&source)
                .arg("-o")
                .arg(&path)
                .output();
            let output = output.expect("it was there");
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let (colours, ..) = colours(&directory().join(format!("{name}.dot.png")));
        assert!(
            colours.len() > FEW_COLOURS,
            "{name}: {} colours",
            colours.len()
        );
        // Every cluster of the text is a cluster of the picture, and every word of a label has come through.
        let drawn =
            fs::read_to_string(directory().join(format!("{name}.dot.svg"))).expect("it was drawn");
        assert_eq!(
            drawn.matches("class=\"cluster\"").count(),
            dot.matches("subgraph cluster_").count(),
            "{name}"
        );
        let titles: HashSet<_> = drawn.match_indices("<title>").collect();
        assert!(titles.len() > 2, "{name}");
    }
}
