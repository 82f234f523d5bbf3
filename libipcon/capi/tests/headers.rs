// SPDX-License-Identifier: MIT OR Apache-2.0

//! The headers, judged by the compilers of C and C++.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const C: &[&str] = &["gnu89", "gnu99", "gnu11", "gnu17", "c99", "c11", "gnu90"];
const CXX: &[&str] = &[
    "c++98", "gnu++98", "c++11", "c++14", "c++17", "c++20", "gnu++20",
];

/// The folders of headers, with that of the kernel's where programs look for it.
fn headers() -> [PathBuf; 2] {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = here.join("../../ipcon-kmod/include/uapi/ipcon.h");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("include");
    let place = folder.join("linux/ipcon.h");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    // Tests run side by side: never a file that is only half there.
    let draft = place.with_extension(format!("{:?}", std::thread::current().id()));
    fs::copy(generated, &draft).unwrap();
    fs::rename(draft, place).unwrap();
    [here.join("include"), folder]
}

/// Compiles a program and gives what the compiler has to say.
fn compile(compiler: &str, language: &str, words: &[&str], text: &str) -> Result<(), String> {
    let name = format!("{:?}.{language}", std::thread::current().id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join(name);
    fs::write(&source, text).unwrap();
    let mut command = Command::new(compiler);
    command.args([
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wconversion",
        "-Wcast-qual",
        "-Wundef",
        "-Werror",
    ]);
    command.args(["-fsyntax-only", "-x", language]).args(words);
    for folder in headers() {
        // Not as a system's header, in which the compilers pass over what they warn of elsewhere.
        command.arg("-I").arg(folder);
    }
    let output = command.arg(&source).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn compile_everywhere(text: &str) {
    let all = C.iter().map(|standard| ("gcc", "c", standard));
    let all = all.chain(CXX.iter().map(|standard| ("g++", "c++", standard)));
    for (compiler, language, standard) in all {
        let standard = format!("-std={standard}");
        compile(compiler, language, &[&standard], text).unwrap_or_else(|said| panic!("{said}"));
    }
}

/// Every function with the types that the tutorial has, for arguments that are and are not constants.
const CALLS: &str = r#"
#include <libipcon.h>

int main(void)
{
	char name[] = "name";
	struct ipcon_msg im;
	struct timeval timeout = { 1, 0 };
	__u32 port = 0;
	__u64 lost = 0;
	IPCON_HANDLER handler = ipcon_create_handler();
	int ret = 0;

	ret |= ipcon_register_service(handler, name);
	ret |= ipcon_register_service(handler, "name");
	ret |= ipcon_unregister_service(handler, "name");
	ret |= is_peer_present(handler, "name", &port);
	ret |= ipcon_find_service(handler, name, &port);
	ret |= ipcon_register_group(handler, "name");
	ret |= ipcon_unregister_group(handler, name);
	ret |= ipcon_join_group(handler, IPCON_KERNEL_GROUP, 1);
	ret |= ipcon_leave_group(handler, name);
	ret |= ipcon_rcv(handler, &im);
	ret |= ipcon_rcv_timeout(handler, &im, &timeout);
	ret |= ipcon_rcv_timeout(handler, &im, NULL);
	ret |= ipcon_rcv_nonblock(handler, &im);
	ret |= ipcon_send_unicast(handler, port, name, sizeof(name));
	ret |= ipcon_send_unicast(handler, port, "text", 5);
	ret |= ipcon_send_multicast(handler, name, im.buf, im.len);
	ret |= ipcon_get_selfport(handler) != 0;
	ret |= ipcon_getfd(handler);
	ret |= ipcon_get_lost(handler, &lost);
	ipcon_free_handler(handler);
	return ret;
}
"#;

#[test]
fn a_program_compiles_by_every_standard_without_a_warning() {
    compile_everywhere(CALLS);
}

#[test]
fn a_program_that_wants_larger_messages_compiles_too() {
    compile_everywhere(&format!("#define IPCON_MAX_MSG_LEN (16 * 1024)\n{CALLS}"));
}

#[test]
fn each_header_stands_alone_and_together_with_the_others_in_any_order() {
    for text in [
        "#include <ipcon.h>\n#include <libipcon.h>\n#include <linux/ipcon.h>\nstruct ipcon_kevent event;\n",
        "#include <linux/ipcon.h>\n#include <ipcon.h>\n#include <ipcon.h>\nstruct ipcon_kevent event;\n",
        "#include <libipcon.h>\n#include <libipcon.h>\n#include <ipcon.h>\nstruct ipcon_msg im;\n",
    ] {
        compile_everywhere(text);
    }
}

#[test]
fn the_structs_lie_as_the_tutorial_has_them() {
    let sizes = |room: u32| {
        let len = (24 + room).next_multiple_of(4);
        format!(
            r"
#define IPCON_MAX_MSG_LEN {room}
#include <libipcon.h>
#define same(name, a, b) extern char name[(a) == (b) ? 1 : -1]

same(srv_name, IPCON_MAX_SRV_NAME_LEN, 32);
same(grp_name, IPCON_MAX_GRP_NAME_LEN, 16);
same(kevent, sizeof(struct ipcon_kevent), 40);
same(kevent_type, offsetof(struct ipcon_kevent, type), 0);
same(kevent_srv, offsetof(struct ipcon_kevent, srv.name), 4);
same(kevent_srv_port, offsetof(struct ipcon_kevent, srv.portid), 36);
same(kevent_grp, offsetof(struct ipcon_kevent, grp.name), 4);
same(kevent_grp_id, offsetof(struct ipcon_kevent, grp.groupid), 20);
same(kevent_peer, offsetof(struct ipcon_kevent, peer.portid), 4);
same(msg_group, offsetof(struct ipcon_msg, group), 4);
same(msg_port, offsetof(struct ipcon_msg, port), 20);
same(msg_buf, offsetof(struct ipcon_msg, buf), 24);
same(msg_len, offsetof(struct ipcon_msg, len), {len});
same(msg, sizeof(struct ipcon_msg), {len} + 4);
same(srv_add, IPCON_EVENT_SRV_ADD, 0);
same(srv_remove, IPCON_EVENT_SRV_REMOVE, 1);
same(grp_add, IPCON_EVENT_GRP_ADD, 2);
same(grp_remove, IPCON_EVENT_GRP_REMOVE, 3);
same(peer_remove, IPCON_EVENT_PEER_REMOVE, 4);
same(normal, IPCON_NORMAL_MSG, 1);
same(group, IPCON_GROUP_MSG, 2);
"
        )
    };
    for room in [64, 512, 513, 4096, 65_000] {
        for (compiler, language, standard) in
            [("gcc", "c", "-std=gnu11"), ("g++", "c++", "-std=gnu++17")]
        {
            compile(compiler, language, &[standard], &sizes(room))
                .unwrap_or_else(|said| panic!("{said}"));
        }
    }
    let wrong = sizes(512).replace(
        "same(srv_add, IPCON_EVENT_SRV_ADD, 0)",
        "same(srv_add, IPCON_EVENT_SRV_ADD, 1)",
    );
    compile("gcc", "c", &["-std=gnu11"], &wrong).unwrap_err();
}

#[test]
fn a_limit_that_no_message_can_have_is_refused() {
    for room in ["0", "63", "65001"] {
        let text = format!("#define IPCON_MAX_MSG_LEN {room}\n#include <libipcon.h>\n");
        let said = compile("gcc", "c", &["-std=gnu11"], &text).unwrap_err();
        assert!(
            said.contains("IPCON_MAX_MSG_LEN must be 64 to 65000"),
            "{said}"
        );
    }
}

#[test]
fn the_samples_and_the_programs_of_the_tutorial_compile_as_c_and_as_cxx() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in ["samples", "tutorial"] {
        for entry in fs::read_dir(here.join(folder)).unwrap() {
            let source = entry.unwrap().path();
            if source.extension().is_none_or(|extension| extension != "c") {
                continue;
            }
            count += 1;
            for words in [["gcc", "-xc"], ["g++", "-xc++"]] {
                let mut command = Command::new(words[0]);
                command.args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only", words[1]]);
                for folder in headers() {
                    command.arg("-I").arg(folder);
                }
                let output = command.arg(&source).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{command:?}\n{said}");
            }
        }
    }
    assert_eq!(count, 14);
}
