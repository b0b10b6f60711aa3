import { describeSubjectSet } from "./testing/subject-set-suite.ts";

describeSubjectSet("plain");
