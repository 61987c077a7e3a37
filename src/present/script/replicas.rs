//! Comparison of namespaces and of processes, for folding those that are alike.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::namespace_script::{First, Job, Member, NamespaceScript};
use super::series::{self, Replica};
use nestns_topology::{Output, Stdin};

impl Replica for Member {
    fn path(&self) -> &str {
        &self.path
    }

    fn number(&self) -> Option<i32> {
        Some(self.number)
    }

    fn sign(&self, out: &mut String) {
        // Writing into a string cannot fail.
        let _ = write!(out, "{:?}{:?};", self.entry, self.job);
    }

    fn texts(&mut self, visit: &mut dyn FnMut(&mut String)) {
        self.job.texts(visit);
    }

    fn fold(&mut self, _depth: usize) {}
}

impl Replica for NamespaceScript {
    fn path(&self) -> &str {
        &self.path
    }

    fn number(&self) -> Option<i32> {
        self.number
    }

    fn sign(&self, out: &mut String) {
        let Self {
            first,
            isolation,
            mount_proc,
            hostname,
            domainname,
            ..
        } = self;
        let _ = write!(
            out,
            "{first:?}{isolation:?}{mount_proc}{hostname:?}{domainname:?}("
        );
        self.members.iter().for_each(|member| member.like.sign(out));
        out.push(')');
        for child in &self.children {
            out.push('[');
            child.like.sign(out);
            out.push(']');
        }
    }

    fn texts(&mut self, visit: &mut dyn FnMut(&mut String)) {
        if let First::Program(job) = &mut self.first {
            job.texts(visit);
        }
        self.hostname
            .iter_mut()
            .chain(&mut self.domainname)
            .for_each(&mut *visit);
        self.members
            .iter_mut()
            .for_each(|member| member.like.texts(visit));
        self.children
            .iter_mut()
            .for_each(|child| child.like.texts(visit));
    }

    fn fold(&mut self, depth: usize) {
        series::fold_again(&mut self.members, depth);
        series::fold_again(&mut self.children, depth);
    }
}

impl Job {
    fn texts(&mut self, visit: &mut dyn FnMut(&mut String)) {
        self.words.iter_mut().for_each(&mut *visit);
        for (name, value) in &mut self.env {
            visit(name);
            visit(value);
        }
        self.user.iter_mut().for_each(&mut *visit);
        let mut path = |path: &mut PathBuf| {
            let mut text = path.to_string_lossy().into_owned();
            visit(&mut text);
            *path = text.into();
        };
        self.cwd.iter_mut().for_each(&mut path);
        if let Stdin::File(file) = &mut self.stdin {
            path(file);
        }
        for output in [&mut self.stdout, &mut self.stderr] {
            if let Output::File(file) = output {
                path(file);
            }
        }
    }
}
